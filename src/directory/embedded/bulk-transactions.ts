// Owns how writes in bulk are cut into transactions: between them other processes write, and requests are served.
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow } from '../../clock.ts';
import { COPIED_ROOM, UNSERVED_ROOM } from './file-room.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import type { LeaseTable } from './lease-table.ts';
import { LogCopier } from './log-copier.ts';

/** How much is written in one transaction. */
interface TransactionSize {
  readonly records: number;
  /** One that takes longer than this ends early, milliseconds: other processes wait for its end, and so do this one's requests. */
  readonly lockMs: number;
}

const SHORT: TransactionSize = { records: 512, lockMs: 6 };
/** While no gateway serves from the file. Rows that share pages of an index are written together: of more rows, more do. */
const LONG: TransactionSize = { records: 32_768, lockMs: 100 };
/**
 * The gap behind a transaction, in which others may write, as a share of the time for which it kept them out: who tries now and then finds one as often
 * behind short ones as behind long ones. At least and at most so many milliseconds.
 */
const GAP = { share: 1 / 6, leastMs: 1, mostMs: 16 };
/** Records that are read and written together within one. */
const AT_ONCE = 32;

/** Writes some records, in a transaction. */
export type WriteSome<T, R> = (some: readonly T[]) => readonly R[];

interface BulkOptions<R> {
  /** Of the leader that writes. */
  readonly fence?: number | undefined;
  /** Longest transaction while a gateway serves from the file, milliseconds; default 6. */
  readonly lockMs?: number;
  /** Called behind each transaction with what it came to. */
  readonly onWritten?: (written: readonly R[]) => void;
}

/** The transactions of one store. */
export class BulkTransactions {
  private readonly database: GuardedDatabase;
  private readonly leases: LeaseTable;
  private readonly copier: LogCopier;
  /** Monotonic. */
  private gapUntil = -Infinity;

  constructor(database: GuardedDatabase, leases: LeaseTable) {
    this.database = database;
    this.leases = leases;
    this.copier = new LogCopier(database.path, () => database.logLength());
  }

  /** To be awaited before the database is closed. */
  close(): Promise<void> {
    return this.copier.close();
  }

  /** Writes values in their order. Returns what `write` does of each. */
  async write<T, R>(
    values: readonly T[],
    write: WriteSome<T, R>,
    { fence, lockMs, onWritten }: BulkOptions<R> = {},
  ): Promise<R[]> {
    const results: R[] = [];
    while (results.length < values.length) {
      if (this.database.isRoomy) await this.copier.room();
      const gap = this.gapUntil - monotonicNow();
      if (gap > 0) await pause(gap);
      const rest =
        results.length === 0 ? values : values.slice(results.length, results.length + LONG.records);
      const { written, begun, isLong } = await this.database.write(() => {
        this.leases.check(fence);
        return this.writeSome(rest, write, lockMs);
      });
      const now = monotonicNow();
      if (isLong)
        this.gapUntil = now + Math.max(GAP.leastMs, Math.min(GAP.mostMs, (now - begun) * GAP.share));
      if (this.database.isRoomy) this.copier.note();
      for (const one of written) results.push(one);
      onWritten?.(written);
    }
    return results;
  }

  /** Likewise. Neighbours are in the same pages of an index: a transaction that writes them together writes fewer pages. */
  async writeInOrder<T, R>(
    values: readonly T[],
    keyOf: (value: T) => string,
    write: WriteSome<T, R>,
    options?: BulkOptions<R>,
  ): Promise<R[]> {
    if (values.length <= SHORT.records) return this.write(values, write, options);
    if (isInOrder(values, keyOf)) return this.write(values, write, options);
    // The sort is stable: records of one key stay in their order.
    const sorted = values.map((value, at) => ({ value, at, key: keyOf(value) }));
    sorted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const inOrder = sorted.map(({ value }) => value);
    const results = await this.write(inOrder, write, options);
    const inPlace: R[] = Array.from(results);
    for (const [index, { at }] of sorted.entries()) inPlace[at] = results[index] as R;
    return inPlace;
  }

  private writeSome<T, R>(
    values: readonly T[],
    write: WriteSome<T, R>,
    servedLockMs = SHORT.lockMs,
  ): { readonly written: readonly R[]; readonly begun: number; readonly isLong: boolean } {
    const { isUnserved } = this.database;
    this.database.makeRoom(isUnserved ? (this.copier.isAtWork ? COPIED_ROOM : UNSERVED_ROOM) : null);
    const size = isUnserved ? LONG : { ...SHORT, lockMs: servedLockMs };
    const { records, lockMs } = size;
    const begun = monotonicNow();
    const most = Math.min(values.length, records);
    const written: R[] = [];
    // Some in any case, whatever the clock does.
    do {
      const some = values.slice(written.length, Math.min(written.length + AT_ONCE, most));
      for (const one of write(some)) written.push(one);
    } while (written.length < most && monotonicNow() - begun < lockMs);
    // A short one alone needs no gap.
    const isLong = written.length < values.length || monotonicNow() - begun >= servedLockMs;
    return { written, begun, isLong };
  }
}

/** Runs of feeds write their records in order already. */
function isInOrder<T>(values: readonly T[], keyOf: (value: T) => string): boolean {
  let before = '';
  for (const value of values) {
    const key = keyOf(value);
    if (key < before) return false;
    before = key;
  }
  return true;
}
