// Owns the change log of the SQLite file: a table of numbered changes.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { POLICY_CHANGE } from '../store.ts';
import type { Change, ChangeBatch, LogPosition } from '../store.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { checkedRows } from './many-rows.ts';
import { manyRows, writeRows } from './many-rows.ts';

/** Changes kept in the log; a worker that is further behind drops its cache. */
const MAX_CHANGES = 100_000;
/** Changes read at once, and applied in one turn of the event loop: two milliseconds. The next ones follow at once. */
const MAX_READ = 500;

/** Use within a transaction of the database. */
export class ChangeLog {
  private readonly database: GuardedDatabase;
  private readonly onAppend: () => void;
  private appended = 0;
  /** The generation of the guard whose change was announced last. */
  private announced: number;

  /** `onAppend` is called for changes, within their transaction. */
  constructor(database: GuardedDatabase, onAppend: () => void) {
    this.database = database;
    this.onAppend = onAppend;
    this.announced = database.guard.generation;
  }

  /** Neither a device nor a user = the policy changed. */
  append(device: DeviceKey | null, user: UserKey | null): void {
    this.appendAll([{ device, user }]);
  }

  appendAll(changes: readonly Pick<Change, 'device' | 'user'>[]): void {
    if (changes.length === 0) return;
    writeRows(
      this.database,
      APPEND,
      changes.flatMap(({ device, user }) => [device, user]),
    );
    this.onAppend();
    // Now and then: of many writes each would pay for it.
    this.appended += changes.length;
    if (this.appended < TRIM_EVERY) return;
    this.appended = 0;
    this.trim();
  }

  /** The last id; the sequence table keeps it even when all rows were removed. */
  end(): LogPosition {
    const row = this.database.statement("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").get();
    return String(Number(row?.['seq'] ?? 0));
  }

  /** Changes after a position; null = none. */
  after(position: LogPosition): ChangeBatch | null {
    const last = this.end();
    const { generation } = this.database.guard;
    if (this.announced !== generation) {
      this.announced = generation;
      return { changes: [], position: last, trimmed: true };
    }
    if (last === position) return null;
    const rows = checkedRows(
      this.database
        .arrayStatement('SELECT id, device, user FROM changes WHERE id > ? ORDER BY id LIMIT ?')
        .all(Number(position), MAX_READ),
    );
    // Ids have no gaps: another next id, or an end before the position, means that changes were removed.
    const trimmed = rows[0]?.[0] !== Number(position) + 1;
    const changes = rows.map(([, device, user]): Change =>
      device === null && user === null
        ? POLICY_CHANGE
        : { device: device as DeviceKey | null, user: user as UserKey | null },
    );
    return { changes, position: String(rows.at(-1)?.[0] ?? last), trimmed };
  }

  private trim(): void {
    this.database
      .statement('DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?')
      .run(MAX_CHANGES);
  }
}

const TRIM_EVERY = 1_024;

const APPEND = manyRows(2, (rows) => `INSERT OR FAIL INTO changes (device, user) VALUES ${rows}`);
