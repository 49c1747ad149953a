// Owns reading for many look-ups in one call: those that one turn of the event loop asks for go to Redis together.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { encodeUser } from './redis-keys.ts';

/** What is stored for one look-up, as text; `null` = nothing. */
export interface StoredFacts {
  /** Encoded name of the user that the given name means. */
  readonly user: string;
  readonly device: string | null;
  readonly partnership: string | null;
  /** Per spelling of the device: the decision on it for everyone, then on the partnership. */
  readonly decisions: readonly (string | null)[];
  readonly position: string;
  /** A key that holds something else than text; null = none. */
  readonly failure: string | null;
}

/** Runs the script LOOKUP with these values behind the prefix. */
export type RunLookups = (values: readonly string[]) => Promise<unknown>;

interface Waiting {
  readonly values: readonly string[];
  readonly resolve: (facts: StoredFacts) => void;
  readonly reject: (error: unknown) => void;
}

/** Redis serves nobody else while it runs a script: a fraction of a millisecond for so many. */
const MAX_LOOKUPS_PER_CALL = 16;

/** Look-ups that wait for the end of this turn. Their number is bounded by who asks (the verdict cache). */
export class LookupBatch {
  private readonly run: RunLookups;
  private waiting: Waiting[] = [];

  constructor(run: RunLookups) {
    this.run = run;
  }

  /** Rejects when Redis does not answer. */
  read(user: UserKey, devices: readonly DeviceKey[]): Promise<StoredFacts> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) setImmediate(() => this.flush());
      this.waiting.push({ values: [encodeUser(user), String(devices.length), ...devices], resolve, reject });
    });
  }

  private flush(): void {
    const { waiting } = this;
    this.waiting = [];
    for (let at = 0; at < waiting.length; at += MAX_LOOKUPS_PER_CALL)
      void this.call(waiting.slice(at, at + MAX_LOOKUPS_PER_CALL));
  }

  private async call(batch: readonly Waiting[]): Promise<void> {
    try {
      const [position, ...replies] = (await this.run(batch.flatMap(({ values }) => values))) as [
        string,
        ...(readonly (string | null)[])[],
      ];
      for (const [index, { resolve, reject }] of batch.entries()) {
        const [failure, user, device = null, partnership = null, ...decisions] = replies[index] ?? [];
        if (typeof user === 'string')
          resolve({ user, device, partnership, decisions, position, failure: failure ?? null });
        else reject(new Error('Redis answered a look-up with something else'));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
