// Owns batching of reads: the hashes that are asked for in one turn of the event loop are read in few calls.
import { unpackHashes } from './packed-reply.ts';
import type { ReadHash } from './packed-reply.ts';

/** A hash to read. */
export interface WantedHash {
  readonly key: string;
  /** Their values are read. Absent = names and values of all fields. */
  readonly fields?: readonly string[];
  /** Names and values of the fields whose names begin so. */
  readonly beginning?: string;
}

/** Runs the script READ. `values` follow the text of the known schema. */
export type RunRead = (keys: readonly string[], values: readonly string[]) => Promise<unknown>;

interface Waiting {
  readonly wanted: readonly WantedHash[];
  readonly resolve: (hashes: readonly ReadHash[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Redis is blocked while it runs a script: a fraction of a millisecond for this many hashes. */
const MAX_HASHES_PER_CALL = 32;

/** Reads that wait for the end of this turn. The verdict cache bounds their number. */
export class LookupBatch {
  private readonly run: RunRead;
  private waiting: Waiting[] = [];

  constructor(run: RunRead) {
    this.run = run;
  }

  /** The hashes in the order of `wanted`, which are read at one moment. Rejects when Redis does not answer. */
  read(wanted: readonly WantedHash[]): Promise<readonly ReadHash[]> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) setImmediate(() => this.flush());
      this.waiting.push({ wanted, resolve, reject });
    });
  }

  private flush(): void {
    const { waiting } = this;
    this.waiting = [];
    let first = 0;
    let hashes = 0;
    for (const [index, { wanted }] of waiting.entries()) {
      if (hashes > 0 && hashes + wanted.length > MAX_HASHES_PER_CALL) {
        void this.call(waiting.slice(first, index));
        first = index;
        hashes = 0;
      }
      hashes += wanted.length;
    }
    void this.call(waiting.slice(first));
  }

  private async call(batch: readonly Waiting[]): Promise<void> {
    const keys: string[] = [];
    const values: string[] = [];
    for (const { wanted } of batch)
      for (const hash of wanted) {
        keys.push(hash.key);
        values.push(...readValues(hash));
      }
    try {
      const hashes = unpackHashes(await this.run(keys, values));
      let at = 0;
      for (const { wanted, resolve } of batch) resolve(hashes.slice(at, (at += wanted.length)));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** The arguments of the script READ for one hash. */
export function readValues({ fields, beginning }: WantedHash): readonly string[] {
  if (beginning !== undefined) return ['-1', beginning];
  return fields === undefined ? ALL_FIELDS : [String(fields.length), ...fields];
}

const ALL_FIELDS: readonly string[] = ['0'];
