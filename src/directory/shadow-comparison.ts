// Owns the comparison of a policy in the shadow with the live one on real traffic: how often they differ, and on whom.
import { LRUCache } from 'lru-cache';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { ComparedVerdict, ShadowCounts, ShadowDifference } from '../model/shadow.ts';
import type { Verdict } from '../model/verdict.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';

/** Most phones that are remembered. */
const MAX_PHONES = 10_000;

/** Counts from its making on: a new one for each version in the shadow. */
export class ShadowComparison {
  readonly policy: CompiledPolicy;
  private compared = 0;
  private different = 0;
  private readonly phones = new LRUCache<string, ShadowDifference>({ max: MAX_PHONES });

  private readonly wall: () => number;

  /** `wall`: the time of day, milliseconds since 1970. */
  constructor(policy: CompiledPolicy, wall: () => number) {
    this.policy = policy;
    this.wall = wall;
  }

  /** Both policies decided on the same facts. */
  note(user: UserKey, device: DeviceKey, live: Verdict, shadow: Verdict): void {
    this.compared++;
    const key = `${device}\0${user}`;
    if (live.action === shadow.action && live.reason === shadow.reason) {
      this.phones.delete(key);
      return;
    }
    this.different++;
    this.phones.set(key, { user, device, live: partOf(live), shadow: partOf(shadow), at: this.wall() });
  }

  counts(): ShadowCounts {
    const { compared, different } = this;
    // The cache yields the most recently used entry first.
    return { compared, different, phones: [...this.phones.values()] };
  }
}

function partOf({ action, reason, rule }: Verdict): ComparedVerdict {
  return { action, reason, rule };
}
