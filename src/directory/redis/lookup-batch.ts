// Owns batching of look-ups: those of one turn of the event loop go to Redis in one call.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { encodeUser } from './redis-keys.ts';

/** A decision on a user of the device, as text. */
export interface StoredUserRow {
  /** Encoded name of the decision, and the user it stands for. */
  readonly name: string;
  readonly target: string;
  readonly decision: string;
  /** Record of that user; `null` = none. */
  readonly record: string | null;
}

/** Stored text for one look-up; `null` = none. */
export interface StoredFacts {
  /** Encoded user that the given name stands for. */
  readonly user: string;
  readonly device: string | null;
  readonly partnership: string | null;
  readonly deviceDecision: string | null;
  /** Record of the user; read only when there are decisions on users. */
  readonly userRecord: string | null;
  readonly userDecisions: readonly StoredUserRow[];
  readonly position: string;
  /** A key that does not hold text; null = none. */
  readonly failure: string | null;
}

/** Runs the script LOOKUP with these values after the prefix. */
export type RunLookups = (values: readonly string[]) => Promise<unknown>;

interface Waiting {
  readonly values: readonly string[];
  readonly resolve: (facts: StoredFacts) => void;
  readonly reject: (error: unknown) => void;
}

/** Redis is blocked while it runs a script: a fraction of a millisecond for this many look-ups. */
const MAX_LOOKUPS_PER_CALL = 16;

/** Look-ups that wait for the end of this turn. The verdict cache bounds their number. */
export class LookupBatch {
  private readonly run: RunLookups;
  private waiting: Waiting[] = [];

  constructor(run: RunLookups) {
    this.run = run;
  }

  /** `grouped`: the user by the groups of domains. Rejects when Redis does not answer. */
  read(login: UserKey, grouped: UserKey, device: DeviceKey): Promise<StoredFacts> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) setImmediate(() => this.flush());
      this.waiting.push({ values: [encodeUser(login), encodeUser(grouped), device], resolve, reject });
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
        const [
          failure,
          user,
          device = null,
          partnership = null,
          deviceDecision = null,
          userRecord = null,
          ...rows
        ] = replies[index] ?? [];
        if (typeof user === 'string') {
          const userDecisions = rowsOf(rows);
          resolve({
            user,
            device,
            partnership,
            deviceDecision,
            userRecord,
            userDecisions,
            position,
            failure: failure ?? null,
          });
        } else reject(new Error('Redis sent an unexpected answer to a look-up'));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** Four values each. */
function rowsOf(values: readonly (string | null)[]): StoredUserRow[] {
  const rows: StoredUserRow[] = [];
  for (let at = 0; at + 3 < values.length; at += 4) {
    const [name, decision, target, record = null] = values.slice(at, at + 4);
    if (typeof name === 'string' && typeof decision === 'string' && typeof target === 'string')
      rows.push({ name, decision, target, record });
  }
  return rows;
}
