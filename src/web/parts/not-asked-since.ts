// Owns what a decision makes of a phone whose last request was answered before it: lists show that answer, and say so.
import { t } from '../texts/texts.ts';

/** Of a row of a list of devices. */
export interface DecidedRow {
  readonly user: string | null;
  /** By the answer to the last request. */
  readonly state: string;
  readonly reason: string | null;
  readonly decision: string | null;
  readonly decisionExpiresAt: string | null;
  readonly wipe: { readonly [field: string]: unknown; readonly state: string } | null;
  readonly userDecision: string | null;
  readonly userDecisionExpiresAt: string | null;
}

const STRONGER: readonly string[] = ['userDisabled', 'wipeRequested', 'wiped', 'storeUnavailable'];

/** Whether a refusal for this reason outweighs an exception. */
export function outweighsException(reason: string | null): boolean {
  return reason !== null && STRONGER.includes(reason);
}

const STATES: Readonly<Record<string, string>> = {
  allow: 'allowed',
  quarantine: 'quarantined',
  block: 'blocked',
};

function inForce(action: string | null, expiresAt: string | null, now: number): string | null {
  return expiresAt === null || Date.parse(expiresAt) > now ? action : null;
}

/** The state that the decisions in force put the phone into; null = none does. */
function decidedState(row: DecidedRow, now: number): string | null {
  if (row.wipe !== null) {
    if (row.wipe.state === 'acknowledged') return 'blocked';
    return row.wipe['suspended'] === true ? null : 'wiping';
  }
  const own = inForce(row.decision, row.decisionExpiresAt, now);
  const onUser = inForce(row.userDecision, row.userDecisionExpiresAt, now);
  const action = own === 'block' || onUser === 'block' ? 'block' : (own ?? onUser);
  if (action === 'allow' && outweighsException(row.reason)) return null;
  return STATES[action ?? ''] ?? null;
}

/** Such as "Blocked from now on"; null = the last request was answered like that. */
export function notAskedSince(row: DecidedRow, now: number): string | null {
  if (row.user === null) return null;
  const state = decidedState(row, now);
  if (state === null || state === row.state) return null;
  return t.devices.notAskedSince[state] ?? null;
}

/** A verdict of now, as the gateway decides. */
export interface VerdictNow {
  readonly action: string;
  readonly reason: string;
}

/** Likewise, where the verdict of now is known: it also knows of what feeds and the policy changed since. */
export function decidedSince(row: DecidedRow, { action }: VerdictNow): string | null {
  const state = STATES[action] ?? 'wiping';
  return state === row.state ? null : (t.devices.notAskedSince[state] ?? null);
}
