// Owns the text of a state before or after a change of the audit: what is known of it, without the syntax of JSON.
import { moment } from './format.ts';
import { t } from './texts.ts';

/** Values that stand in another column, or that the store writes beside what was reported. */
const BESIDE = /^(?:key|source|observedAt|version|reportedSince|\w+UnmetSince)$/;

/** A decision by its action and its end, a list by each of its parts, counts without those that are 0. Empty = nothing is known. */
export function changeText(state: unknown): string {
  if (typeof state === 'string') return state;
  if (isNothing(state)) return '';
  if (Array.isArray(state)) return textsOf(state).join(', ');
  if (typeof state !== 'object') return JSON.stringify(state);
  if ('action' in state && typeof state.action === 'string')
    return decisionText(state.action, 'expiresAt' in state ? state.expiresAt : null);
  if ('decision' in state) return changeText(state.decision);
  return Object.entries(state)
    .filter(([name]) => !BESIDE.test(name))
    .flatMap(([name, value]) => {
      const text = changeText(value);
      if (text === '') return [];
      return typeof value === 'object' && !Array.isArray(value) ? `${name} (${text})` : `${name} ${text}`;
    })
    .join(', ');
}

function decisionText(action: string, expiresAt: unknown): string {
  const end = typeof expiresAt === 'string' ? Date.parse(expiresAt) : NaN;
  return Number.isNaN(end) ? action : `${action} ${t.change.until(moment(end, Date.now()))}`;
}

function isNothing(value: unknown): value is null | undefined | 0 {
  return value === null || value === undefined || value === 0;
}

function textsOf(states: readonly unknown[]): string[] {
  return states.map(changeText).filter((text) => text !== '');
}
