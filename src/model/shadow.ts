// Owns what the comparison of a policy in the shadow with the live one finds.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict } from './verdict.ts';

/** A phone that the two policies decide differently on. */
export interface ShadowDifference {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly live: ComparedVerdict;
  readonly shadow: ComparedVerdict;
  /** When they last differed, milliseconds since 1970. */
  readonly at: number;
}

/** A verdict, as far as it is compared. */
export type ComparedVerdict = Pick<Verdict, 'action' | 'reason' | 'rule'>;

/** What was compared since the shadow began. */
export interface ShadowCounts {
  /** Decisions that both policies made. */
  readonly compared: number;
  /** Decisions in which the action or the reason differed. */
  readonly different: number;
  /** Phones that differ by their latest decision, the latest first: 10,000 at most. */
  readonly phones: readonly ShadowDifference[];
}

/** Phones on which the policies differ in the same way. */
export interface ShadowChange {
  readonly live: Pick<ComparedVerdict, 'action' | 'reason'>;
  readonly shadow: Pick<ComparedVerdict, 'action' | 'reason'>;
  readonly phones: number;
}

/** What several workers compared. */
export interface ShadowSum extends ShadowCounts {
  /** The phones by both verdicts, the most frequent ones first. */
  readonly changes: readonly ShadowChange[];
  /** Number of phones in `phones` of all workers; a phone that several of them served counts once. */
  readonly phonesDifferent: number;
}

/** Adds up the counts of workers. Each phone is listed once, with its latest difference. `most`: phones that are listed. */
export function shadowSum(counts: readonly ShadowCounts[], most = Infinity): ShadowSum {
  const latest = new Map<string, ShadowDifference>();
  for (const { phones } of counts)
    for (const one of phones) {
      const key = `${one.device}\0${one.user}`;
      const other = latest.get(key);
      if (other === undefined || other.at < one.at) latest.set(key, one);
    }
  const phones = [...latest.values()].toSorted((a, b) => b.at - a.at);
  return {
    compared: counts.reduce((total, one) => total + one.compared, 0),
    different: counts.reduce((total, one) => total + one.different, 0),
    changes: changesOf(phones),
    phonesDifferent: phones.length,
    phones: phones.slice(0, most),
  };
}

function changesOf(phones: readonly ShadowDifference[]): ShadowChange[] {
  const changes = new Map<string, ShadowChange>();
  for (const { live, shadow } of phones) {
    const key = `${live.action} ${live.reason} ${shadow.action} ${shadow.reason}`;
    const before = changes.get(key);
    changes.set(
      key,
      before === undefined
        ? {
            live: { action: live.action, reason: live.reason },
            shadow: { action: shadow.action, reason: shadow.reason },
            phones: 1,
          }
        : { ...before, phones: before.phones + 1 },
    );
  }
  return [...changes.values()].toSorted((one, other) => other.phones - one.phones);
}
