// Owns which decisions make sense about a device or a user: those that would have an effect, and those that can be taken back. What the
// gateway says keeps an exception from helping is the only rule; pages and menus ask here, so that they offer the same.
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { outweighsException } from './not-asked-since.ts';
import { readTime } from './time.tsx';
import type { Target } from './use-decide.ts';

type Details = AnswerOf<'showDevice'>;
type Decision = NonNullable<Details['decision']>;

/** What keeps an exception from taking effect. */
export type Hindrance = NonNullable<Details['hindrance']>;

/** A decision by hand that is stored, and whom it is on. */
interface Stored {
  readonly target: Target;
  readonly kind: 'decision' | 'openWipe' | 'wiped';
}

/** What may be done about a device, or one user on it. */
export interface Possible {
  /** Of an exception; null = it would help. */
  readonly hindrance: Hindrance | null;
  /** The hindrance is a wipe: the directory refuses every other decision. */
  readonly isRefused: boolean;
  /** What the gateway decides now; null = not known. */
  readonly verdict: Details['verdicts'][number] | null;
  /** Decisions that can be taken back: on the user on the device first, then those on the device. */
  readonly stored: readonly Stored[];
}

/** Whether a decision counts now; one that ended stays stored until the next change. */
export function isInForce(decision: Decision | null): decision is Decision {
  return decision !== null && (readTime(decision.expiresAt) ?? Number.POSITIVE_INFINITY) > Date.now();
}

function kindOf(decision: Decision): Stored['kind'] {
  if (decision.action !== 'wipe' && decision.action !== 'accountWipe') return 'decision';
  const { state } = decision['wipe'] as { readonly state: string };
  return state === 'acknowledged' ? 'wiped' : 'openWipe';
}

/** What may be done; `user` null = for every user of the device. */
export function possibleOn(details: Details, user: string | null): Possible {
  const { key: device, decision, partnerships, verdicts } = details;
  const verdict = verdicts.find((one) => one.user === user) ?? null;
  const hindrance = user === null ? details.hindrance : (verdict?.hindrance ?? null);
  const own = partnerships.find(({ record }) => record.user === user)?.decision ?? null;
  const stored = [
    { target: { device, user }, decision: own },
    { target: { device, user: null }, decision },
  ].flatMap(({ target, decision: one }) => (isInForce(one) ? [{ target, kind: kindOf(one) }] : []));
  return { hindrance, isRefused: isWipe(hindrance), verdict, stored };
}

function isWipe(hindrance: Hindrance | null): boolean {
  return hindrance?.by === 'openWipe' || hindrance?.by === 'wiped';
}

/** Why an exception would not help, as a sentence. */
export function hindranceText({ by, scope, user, source }: Hindrance): string {
  const texts = t.decide.hindrance;
  if (by !== 'decision') return texts[by];
  if (source !== null) return texts.feed(source);
  if (scope === 'device') return texts.device;
  return scope === 'user' ? texts.user(user ?? '') : texts.otherName(user ?? '');
}

/**
 * Whether an exception for one user may help a phone that was refused so. Only the entry of the journal is known of it: an exception takes
 * the place of a decision by hand where the rule says that it is on the same user and device.
 */
export function mayHelp(reason: string | null, rule: string | null): boolean {
  if (outweighsException(reason)) return false;
  return reason !== 'individualRule' || (rule ?? '').startsWith('partnership decision by ');
}
