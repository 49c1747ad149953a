// Owns how a state looks: icon, word and colour together. An allowed device has no tint.
import type { ReactElement } from 'react';
import { t } from '../texts/texts.ts';

/** The five states that have a look of their own. */
export type Look = 'allow' | 'hold' | 'block' | 'unknown' | 'wipe';

const LOOKS: Readonly<Record<string, Look>> = {
  allowed: 'allow',
  quarantined: 'hold',
  blocked: 'block',
  wiping: 'wipe',
  unseen: 'unknown',
  unknown: 'unknown',
  allow: 'allow',
  quarantine: 'hold',
  block: 'block',
  wipe: 'wipe',
  accountWipe: 'wipe',
};

/** The look of a state (`quarantined`) or of an action (`quarantine`). */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? 'unknown';
}

/** The word for a state or an action. */
export function wordOf(state: string): string {
  const words = t.states as Readonly<Record<string, string>>;
  const byLook = {
    allow: 'allowed',
    hold: 'quarantined',
    block: 'blocked',
    wipe: 'wiping',
    unknown: 'unknown',
  };
  return words[state] ?? words[byLook[lookOf(state)]] ?? state;
}

/** The icon of a state; each has another silhouette. */
export function StateIcon({ state }: { state: string }): ReactElement {
  const look = lookOf(state);
  return (
    <svg className={`st c-${look}`} viewBox="0 0 16 16" aria-hidden="true">
      <use href={`#s-${look}`} />
    </svg>
  );
}

/** Icon and word; `big` in the head of a page. */
export function Pill({ state, big, text }: { state: string; big?: boolean; text?: string }): ReactElement {
  return (
    <span className={`pill c-${lookOf(state)}${big === true ? ' big' : ''}`}>
      <StateIcon state={state} />
      <span>{text ?? wordOf(state)}</span>
    </span>
  );
}

/** A reason as a noun phrase. Words that a newer gateway added show as they are. */
export function shortReason(reason: string | null): string {
  return reason === null ? '' : (t.reasons[reason]?.short ?? reason);
}

/** A reason as a sentence. */
export function reasonSentence(reason: string | null): string {
  return reason === null ? '' : (t.reasons[reason]?.sentence ?? reason);
}
