// Owns the writing of the aliases of users into the SQLite file: those of several users at once.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { MAX_JOINED } from '../joined-names.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { manyRows, writeRows } from './many-rows.ts';
import type { StoredRows } from './stored-rows.ts';

const ADD = manyRows(3, (rows) => `INSERT OR FAIL INTO aliases VALUES ${rows}`);
const UPDATE = manyRows(
  3,
  (rows) => `UPDATE OR FAIL aliases SET user = column3 FROM (VALUES ${rows})
    WHERE local = column1 AND alias = column2`,
);

/** A user with all aliases before and now. */
export interface Renamed {
  readonly user: UserKey;
  readonly before: ReadonlySet<UserKey>;
  readonly after: ReadonlySet<UserKey>;
  /** Something else that is reported about the user may have changed, too. */
  readonly isNews: boolean;
}

/** The aliases of some users, in one write transaction. */
export class AliasWriter {
  private readonly database: GuardedDatabase;
  private readonly stored: StoredRows;
  private readonly names: UserNames;
  /** Which user each name stands for, as far as it was read. */
  private readonly users = new Map<string, UserKey>();
  /** Folded local parts whose aliases were read. */
  private readonly locals = new Set<string>();
  private readonly added: string[] = [];
  private readonly updated: string[] = [];

  constructor(database: GuardedDatabase, stored: StoredRows, names: UserNames) {
    this.database = database;
    this.stored = stored;
    this.names = names;
  }

  /** Reads the stored aliases with the local parts of these names. Must be called before {@link put} for any of them. */
  read(names: Iterable<UserKey>): void {
    const unread: string[] = [];
    for (const name of names) {
      const local = foldedLocalPart(name);
      if (this.locals.has(local)) continue;
      this.locals.add(local);
      unread.push(local);
    }
    if (unread.length === 0) return;
    for (const [alias, user] of this.stored.aliases(unread)) this.users.set(alias, user);
  }

  /**
   * Adds what changed: with news all names of the user before and now, and users who lost a name to this one. Without news, a name that
   * another user had taken over and lost is the user's again.
   */
  put({ user, before, after, isNews }: Renamed, changed: Set<UserKey>): void {
    if (isNews) {
      changed.add(user);
      for (const alias of before) changed.add(alias);
      for (const alias of after) changed.add(alias);
    }
    for (const alias of before) if (!after.has(alias) && this.users.get(alias) === user) this.remove(alias);
    for (const alias of after) {
      const former = this.users.get(alias);
      // The user that had taken a known alias over may have lost it.
      if (former === user || (former !== undefined && before.has(alias))) continue;
      changed.add(user).add(alias);
      if (former !== undefined) changed.add(former);
      this.users.set(alias, user);
      (former === undefined ? this.added : this.updated).push(foldedLocalPart(alias), alias, user);
    }
  }

  /** The users of which any of these names is an alias, and so on up the chain: reports under the name count for them (decisions/0190). */
  above(names: ReadonlySet<UserKey>): ReadonlySet<UserKey> {
    const found = new Set<UserKey>();
    let next: ReadonlySet<UserKey> = names;
    // A look-up follows no longer chain.
    for (let level = 0; next.size > 0 && level < MAX_JOINED; level += 1) {
      this.read(next);
      const users = this.targets(next);
      next = new Set([...users].filter((user) => !found.has(user)));
      for (const user of next) found.add(user);
    }
    return found;
  }

  /** Users of which any of the names is an alias, with `identity.domains` applied. */
  private targets(names: ReadonlySet<UserKey>): ReadonlySet<UserKey> {
    const found = new Set<UserKey>();
    for (const name of names) {
      const user = this.users.get(name);
      if (user !== undefined) found.add(user);
    }
    if (!this.names.hasGroups) return found;
    const grouped = new Set([...names].map((name) => this.names.canonical(name)));
    for (const [alias, user] of this.users)
      if (grouped.has(this.names.canonical(alias as UserKey))) found.add(user);
    return found;
  }

  /** Writes what was put. */
  flush(): void {
    // A row that is updated may be one of those that are added.
    writeRows(this.database, ADD, this.added);
    writeRows(this.database, UPDATE, this.updated);
    this.added.length = 0;
    this.updated.length = 0;
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
