// Owns what the comparison of a policy in the shadow with the live one finds.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict } from './verdict.ts';

/** A phone that the two policies decide differently on. */
export interface ShadowDifference {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly live: ComparedVerdict;
  readonly shadow: ComparedVerdict;
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
