// Owns the writing of the aliases of users into the SQLite file: those of several users at once.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { manyRows, writeRows } from './many-rows.ts';

const PUT = manyRows(
  3,
  (rows) => `INSERT OR FAIL INTO aliases VALUES ${rows} ON CONFLICT DO UPDATE SET user = excluded.user`,
);

/** The aliases of some users, in one write transaction. */
export class AliasWriter {
  private readonly database: GuardedDatabase;
  /** Which user each name stands for, as far as it was read. */
  private readonly users: Map<string, UserKey>;
  private readonly rows: string[] = [];

  /** `users`: of all aliases with the folded local parts of the names that are put. */
  constructor(database: GuardedDatabase, users: Map<string, UserKey>) {
    this.database = database;
    this.users = users;
  }

  /** Returns all names of the user before and now, and users who lost a name to this one. */
  put(user: UserKey, before: ReadonlySet<UserKey>, after: ReadonlySet<UserKey>): ReadonlySet<UserKey> {
    const changed = new Set([user, ...before, ...after]);
    for (const alias of before) if (!after.has(alias) && this.users.get(alias) === user) this.remove(alias);
    for (const alias of after) {
      const former = this.users.get(alias);
      // The user that had taken a known alias over may have lost it.
      if (former === user || (former !== undefined && before.has(alias))) continue;
      if (former !== undefined) changed.add(former);
      this.users.set(alias, user);
      this.rows.push(foldedLocalPart(alias), alias, user);
    }
    return changed;
  }

  /** Writes what was put. */
  flush(): void {
    writeRows(this.database, PUT, this.rows);
    this.rows.length = 0;
  }

  private remove(alias: UserKey): void {
    // It may be put by an earlier one.
    this.flush();
    this.users.delete(alias);
    this.database
      .statement('DELETE FROM aliases WHERE local = ? AND alias = ?')
      .run(foldedLocalPart(alias), alias);
  }
}
