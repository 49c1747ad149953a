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
  /** Most hashes have no such field. `beginning` is then one or more pairs of characters: `a:d:` reads fields that begin with `a:` or `d:`. */
  readonly isRare?: boolean;
}

/** Runs the script READ. `values` follow the text of the known schema. */
export type RunRead = (keys: readonly string[], values: readonly string[]) => Promise<unknown>;

/** Receives the hashes that were asked for, or the error: one of the two methods is called, once. */
export interface HashReader {
  /** In the order of what was wanted. */
  take(hashes: readonly ReadHash[]): void;
  fail(error: unknown): void;
}

interface Waiting {
  readonly wanted: readonly WantedHash[];
  readonly reader: HashReader;
}

/** Redis is blocked while it runs a script: a fraction of a millisecond for this many hashes. */
const MAX_HASHES_PER_CALL = 32;

/** Reads that wait for the end of this turn. The verdict cache bounds their number. */
export class LookupBatch {
  private readonly run: RunRead;
  /** Hashes with different tags are read by different calls: on a Cluster they are on different servers. Null = one call for all. */
  private readonly tagOf: ((key: string) => string) | null;
  private waiting: Waiting[] = [];

  constructor(run: RunRead, tagOf: ((key: string) => string) | null = null) {
    this.run = run;
    this.tagOf = tagOf;
  }

  /** The hashes in the order of `wanted`, which are read at one moment, on a Cluster at one for each tag. Rejects when Redis does not answer. */
  read(wanted: readonly WantedHash[]): Promise<readonly ReadHash[]> {
    return new Promise((take, fail) => this.ask(wanted, { take, fail }));
  }

  /** {@link read} without a promise. */
  ask(wanted: readonly WantedHash[], reader: HashReader): void {
    if (this.waiting.length === 0) setImmediate(this.onEndOfTurn);
    this.waiting.push({ wanted, reader });
  }

  private readonly onEndOfTurn = (): void => this.flush();

  private flush(): void {
    const { waiting, tagOf } = this;
    this.waiting = [];
    if (tagOf === null) this.callInParts(waiting);
    else for (const part of byTag(waiting, tagOf).values()) this.callInParts(part);
  }

  private callInParts(waiting: readonly Waiting[]): void {
    let first = 0;
    let hashes = 0;
    for (const [index, { wanted }] of waiting.entries()) {
      if (hashes > 0 && hashes + wanted.length > MAX_HASHES_PER_CALL) {
        this.call(waiting.slice(first, index));
        first = index;
        hashes = 0;
      }
      hashes += wanted.length;
    }
    this.call(waiting.slice(first));
  }

  private call(batch: readonly Waiting[]): void {
    const all = batch.flatMap(({ wanted }) => wanted);
    const keys = all.map(({ key }) => key);
    this.run(keys, readValues(all)).then(
      (reply) => answer(batch, reply),
      (error: unknown) => fail(batch, error),
    );
  }
}

function answer(batch: readonly Waiting[], reply: unknown): void {
  let hashes: readonly ReadHash[];
  try {
    hashes = unpackHashes(reply);
  } catch (error) {
    fail(batch, error);
    return;
  }
  let at = 0;
  for (const { wanted, reader } of batch) reader.take(hashes.slice(at, (at += wanted.length)));
}

function fail(batch: readonly Waiting[], error: unknown): void {
  for (const { reader } of batch) reader.fail(error);
}

/** Each part is answered for itself: what one server does not answer does not concern reads of another one. */
function byTag(waiting: readonly Waiting[], tagOf: (key: string) => string): Map<string, Waiting[]> {
  const parts = new Map<string, Waiting[]>();
  for (const { wanted, reader } of waiting) {
    const hashes: ReadHash[] = [];
    const places = Map.groupBy(wanted.keys(), (at) => tagOf(wanted[at]?.key ?? ''));
    let open = places.size;
    let hasFailed = false;
    if (open === 0) reader.take(hashes);
    for (const [tag, at] of places) {
      const part: Waiting = {
        wanted: at.flatMap((index) => wanted[index] ?? []),
        reader: {
          take: (found) => {
            for (const [index, hash] of found.entries()) hashes[at[index] ?? 0] = hash;
            open -= 1;
            if (open === 0) reader.take(hashes);
          },
          fail: (error) => {
            if (!hasFailed) reader.fail(error);
            hasFailed = true;
          },
        },
      };
      const others = parts.get(tag);
      if (others === undefined) parts.set(tag, [part]);
      else others.push(part);
    }
  }
  return parts;
}

/** The arguments of the script READ. */
export function readValues(wanted: readonly WantedHash[]): readonly string[] {
  const values: string[] = [];
  let before: WantedHash | null = null;
  for (const hash of wanted) {
    const isAlike =
      before !== null &&
      before.fields === hash.fields &&
      before.beginning === hash.beginning &&
      before.isRare === hash.isRare;
    values.push(...(isAlike ? AS_BEFORE : valuesOf(hash)));
    before = hash;
  }
  return values;
}

function valuesOf({ fields, beginning, isRare }: WantedHash): readonly string[] {
  if (beginning !== undefined) return [isRare === true ? '-2' : '-1', beginning];
  return fields === undefined ? ALL_FIELDS : [String(fields.length), ...fields];
}

const ALL_FIELDS: readonly string[] = ['0'];
const AS_BEFORE: readonly string[] = [''];
