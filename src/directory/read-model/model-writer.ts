// Owns the writing of the read model: the rows of a device, what is known of users, and the words of columns. Only what changed
// is written.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { DeviceEntry, JoinedUser, UserEntry } from '../store.ts';
import {
  decisionsOfDevice,
  decisionsOfUser,
  putDeviceDecisions,
  putUserDecisions,
} from './model-decisions.ts';
import type { ModelFile } from './model-file.ts';
import { addModelFunctions } from './model-functions.ts';
import { rowsOfDevice } from './model-row.ts';
import type { UserFacts } from './model-row.ts';
import { COLUMNS, ADD_UNSEEN, valuesOf } from './model-schema.ts';
import type { StoredRow, Value } from './model-schema.ts';
import { USER_COLUMNS, UserRows, namesJoined, userValues } from './model-user-rows.ts';
import { ModelWords } from './model-words.ts';

const SELECT = `SELECT id, ${COLUMNS.join(', ')} FROM phones WHERE device = ?`;
const INSERT = `INSERT INTO phones (${COLUMNS.join(', ')}, state_since) VALUES (${COLUMNS.map(() => '?').join(', ')}, ?)`;
const STATE = COLUMNS.indexOf('state');
/** Use within {@link ModelFile.write}. */
export class ModelWriter {
  private readonly file: ModelFile;
  private readonly names: UserNames;
  private readonly words: ModelWords;
  private readonly users: UserRows;
  private readonly factsOf: (user: UserKey) => UserFacts;
  private readonly now: () => number;
  /** Rows of phones that were written. */
  written = 0;

  /** `now`: milliseconds since the epoch. */
  constructor(file: ModelFile, names: UserNames, now: () => number) {
    this.file = file;
    this.names = names;
    this.now = now;
    this.words = new ModelWords(file);
    this.users = new UserRows(file, names);
    addModelFunctions(file.database, names);
    this.factsOf = (user) => this.users.factsOf(user);
  }

  /**
   * Writes the rows of a device; `entry` null = nothing is stored of it. Returns their ids, and those of its decisions. `since`: when
   * a changed state began, milliseconds since the epoch; null = not known.
   */
  putDevice(
    device: DeviceKey,
    entry: DeviceEntry | null,
    since: number | null,
  ): { readonly phones: readonly number[]; readonly decisions: readonly number[] } {
    const stored = new Map<Value, StoredRow>();
    for (const row of this.file.statement(SELECT).all(device)) stored.set(row['user'] as Value, row);
    const ids: number[] = [];
    this.words.noteAttributes('attribute', entry?.record?.attributes);
    const rows = entry === null ? [] : rowsOfDevice(entry, this.factsOf, this.names, this.now());
    for (const row of rows) {
      const values = valuesOf(row);
      const before = stored.get(row.user);
      if (before === undefined) {
        const { lastInsertRowid } = this.file.statement(INSERT).run(...values, since);
        ids.push(Number(lastInsertRowid));
        this.written++;
        this.words.note(values);
        this.listUnseen(row.user);
        continue;
      }
      stored.delete(row.user);
      const id = Number(before['id']);
      ids.push(id);
      if (!this.update(id, before, values)) continue;
      this.written++;
      if (before['state'] !== values[STATE])
        this.file.statement('UPDATE phones SET state_since = ? WHERE id = ?').run(since, id);
      this.words.note(values);
    }
    for (const row of stored.values()) {
      this.file.statement('DELETE FROM phones WHERE id = ?').run(Number(row['id']));
      this.listUnseen(row['user'] as UserKey | null);
    }
    const decisions = entry === null ? [] : decisionsOfDevice(entry);
    return { phones: ids, decisions: putDeviceDecisions(this.file, device, decisions) };
  }

  /** Writes the columns that changed: SQLite writes the indices of all that are named. Returns whether there are any. */
  private update(id: number, before: StoredRow, values: readonly Value[]): boolean {
    const changed: Value[] = [];
    let set = '';
    for (const [index, name] of COLUMNS.entries()) {
      const value = values[index] ?? null;
      if (before[name] === value) continue;
      set += `${set === '' ? '' : ', '}${name} = ?`;
      changed.push(value);
    }
    if (set === '') return false;
    this.file.statement(`UPDATE phones SET ${set} WHERE id = ?`).run(...changed, id);
    return true;
  }

  /** Writes what is known of a user, but for aliases. Returns the id of its row; null = nothing is. */
  putUser(entry: UserEntry): { readonly user: number | null; readonly decisions: readonly number[] } {
    const { key } = entry;
    this.words.noteAttributes('user attribute', entry.record?.attributes);
    const known = userValues(entry, this.now());
    if (known === null) {
      this.dropUser(key);
      return { user: null, decisions: putUserDecisions(this.file, key, decisionsOfUser(entry)) };
    }
    const { columns: values, groups } = known;
    const decisions = putUserDecisions(this.file, key, decisionsOfUser(entry));
    this.words.noteGroups(groups);
    const row = this.file.statement('SELECT * FROM users WHERE user = ?').get(key);
    if (row === undefined) {
      const insert = `INSERT INTO users (user, local, ${USER_COLUMNS.join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?)`;
      const { lastInsertRowid } = this.file.statement(insert).run(key, foldedLocalPart(key), ...values);
      this.listUnseen(key);
      return { user: Number(lastInsertRowid), decisions };
    }
    const id = Number(row['id']);
    if (USER_COLUMNS.some((name, index) => row[name] !== values[index])) {
      this.file
        .statement(`UPDATE users SET ${USER_COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`)
        .run(...values, id);
      this.listUnseen(key);
    }
    return { user: id, decisions };
  }

  mayBeJoined(entry: UserEntry): boolean {
    return this.users.mayBeJoined(entry);
  }

  /** Writes the facts that count for a user into the rows of all its names, and makes these aliases of the user. Returns the ids of the aliases. */
  join(joined: JoinedUser): readonly number[] {
    const { user, record } = joined;
    const keys = this.users.join(joined);
    const groups = record?.groups ?? null;
    this.words.noteGroups(groups === null ? null : JSON.stringify(groups));
    const ids: (number | null)[] = [];
    for (const [alias, target] of namesJoined(joined, keys)) ids.push(this.putAlias(alias, target));
    for (const name of [user, ...keys]) this.listUnseen(name);
    return ids.filter((id) => id !== null);
  }

  /** Removes a user of whom the store no longer has anything. */
  dropUser(key: UserKey): void {
    const { changes } = this.file.statement('DELETE FROM users WHERE user = ?').run(key);
    if (changes > 0) this.listUnseen(key);
    putUserDecisions(this.file, key, []);
  }

  /** The user that a name is known to be an alias of; null = of none. */
  aliasTarget(alias: UserKey): UserKey | null {
    return this.users.aliasTarget(alias);
  }

  /** `user` null = the name is no alias. Returns the id of its row. */
  putAlias(alias: UserKey, user: UserKey | null): number | null {
    const row = this.file.statement('SELECT id, user FROM aliases WHERE alias = ?').get(alias);
    if (row === undefined) {
      if (user === null) return null;
      const insert = this.file.statement('INSERT INTO aliases (alias, user) VALUES (?, ?)');
      const id = Number(insert.run(alias, user).lastInsertRowid);
      this.listUnseen(user);
      return id;
    }
    const id = Number(row['id']);
    if (user === row['user']) return id;
    if (user === null) this.file.statement('DELETE FROM aliases WHERE id = ?').run(id);
    else this.file.statement('UPDATE aliases SET user = ? WHERE id = ?').run(user, id);
    for (const one of [row['user'] as UserKey, user]) this.listUnseen(one);
    return id;
  }

  aliasesOf(user: UserKey): UserKey[] {
    return this.file
      .statement('SELECT alias FROM aliases WHERE user = ?')
      .all(user)
      .map((row) => String(row['alias']) as UserKey);
  }

  /** Brings what rows hold of their users up to date, for all users with these folded local parts. */
  refreshUsers(locals: Iterable<string>): void {
    const find = this.file.statement(
      'SELECT id, user, user_groups, user_decision, user_decision_expires FROM phones WHERE local = ?',
    );
    for (const local of locals) {
      for (const row of find.all(local)) {
        const facts = this.users.factsOf(String(row['user']) as UserKey);
        const groups = facts.groups === null ? null : JSON.stringify(facts.groups);
        if (
          row['user_groups'] === groups &&
          row['user_decision'] === facts.decision &&
          row['user_decision_expires'] === facts.decisionExpiresAt
        )
          continue;
        this.file
          .statement(
            'UPDATE phones SET user_groups = ?, user_decision = ?, user_decision_expires = ? WHERE id = ?',
          )
          .run(groups, facts.decision, facts.decisionExpiresAt, Number(row['id']));
      }
    }
  }

  /** Lists a user without devices, or no longer, after a change. {@link ModelFile.complete} lists all of them before. */
  private listUnseen(name: UserKey | null): void {
    if (name === null || !this.file.isComplete()) return;
    this.listUnseenWhere('local', foldedLocalPart(name));
    const user = this.aliasTarget(name);
    if (user !== null) this.listUnseenWhere('user', user);
  }

  private listUnseenWhere(column: 'local' | 'user', value: string): void {
    // `+` keeps SQLite from the index of `devices`, by which it would read all users without one for each change of a user.
    this.file.statement(`DELETE FROM people WHERE ${column} = ? AND +devices = 0`).run(value);
    this.file.statement(`${ADD_UNSEEN} AND ${column} = ?`).run(value);
  }
}

/** Folded local parts of names. */
export function localsOf(names: Iterable<UserKey>): Set<string> {
  return new Set([...names].map(foldedLocalPart));
}
