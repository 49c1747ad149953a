// Owns the rows of a read model that is built: written many at a time, without a look for earlier ones.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { NONE, NameIndex } from '../../name-index.ts';
import { NumberColumn } from '../../number-lists.ts';
import type { UserRecord } from '../../model/user.ts';
import type { DeviceEntry, JoinedUser, UserEntry } from '../store.ts';
import { decisionsOfDevice, decisionsOfUser, insertDecision } from './model-decisions.ts';
import type { ModelFile } from './model-file.ts';
import { UNKNOWN_USER, rowsOfDevice } from './model-row.ts';
import type { UserFacts } from './model-row.ts';
import { COLUMNS, valuesOf } from './model-schema.ts';
import type { StoredRow, Value } from './model-schema.ts';
import { UserRows, factsIn, namesJoined, userValues } from './model-user-rows.ts';
import type { UserValues } from './model-user-rows.ts';
import { ModelWords } from './model-words.ts';

const STATE = COLUMNS.indexOf('state');
/** Rows of one statement. */
const ROWS = 40;

/** What is kept in memory of users, for tests; absent = the limits below. */
export interface LoadLimits {
  /** See {@link MAX_NAMES}. */
  readonly maxNames?: number | undefined;
  /** See {@link MAX_GROUPS}. */
  readonly maxGroups?: number | undefined;
}

/** Loads one file that is not complete, within one transaction of the caller. */
export class ModelLoad {
  /** Aliases that two users are reported with: the store has their owners. */
  readonly disputed = new Set<UserKey>();
  /** The users who are reported with each of them: an account that is disabled under it is for all. */
  private readonly claimants = new Map<UserKey, Set<UserKey>>();
  private readonly file: ModelFile;
  private readonly before: ModelFile | null;
  private readonly names: UserNames;
  private readonly now: () => number;
  private readonly words: ModelWords;
  private readonly users: UserRows;
  private readonly known: KnownFacts;
  private readonly factsOf: (user: UserKey) => UserFacts;
  private readonly phones: RowBatch;
  private readonly userRows: RowBatch;
  private readonly aliasRows: RowBatch;
  /** For `identity.domains`. */
  private readonly grouped: GroupedNames;
  private lastId = 0;

  /**
   * `before`: the complete model that is replaced; null = there is none, and since when a state is, is not known.
   */
  constructor(
    file: ModelFile,
    before: ModelFile | null,
    names: UserNames,
    now: () => number,
    limits: LoadLimits = {},
  ) {
    this.file = file;
    this.before = before;
    this.names = names;
    this.now = now;
    this.words = new ModelWords(file);
    this.users = new UserRows(file, names);
    this.grouped = new GroupedNames(names);
    this.known = new KnownFacts(names, limits);
    this.factsOf = (user) => this.known.factsOf(user) ?? this.users.factsOf(user);
    this.phones = new RowBatch(file, 'INSERT INTO phones', ['id', ...COLUMNS, 'state_since']);
    this.userRows = new RowBatch(file, 'INSERT OR REPLACE INTO users', UserRows.COLUMNS);
    this.aliasRows = new RowBatch(file, 'INSERT OR IGNORE INTO aliases', ['alias', 'user']);
  }

  /** All users come before all devices. */
  addUsers(entries: readonly UserEntry[]): void {
    for (const entry of entries) {
      const { key, record } = entry;
      const values = userValues(entry, this.now());
      this.words.noteAttributes('user attribute', record?.attributes);
      if (values !== null) {
        this.userRows.add([key, foldedLocalPart(key), ...values.columns]);
        this.words.noteGroups(values.groups);
        this.known.add(key, values);
      }
      for (const decision of decisionsOfUser(entry)) insertDecision(this.file, decision);
      for (const alias of record?.aliases ?? []) this.addAlias(alias, key);
      if (record !== null) this.grouped.add(record);
    }
    this.userRows.flush();
    this.aliasRows.flush();
  }

  /** Returns the number of rows. */
  addDevices(entries: readonly DeviceEntry[]): number {
    // A gap in the ids between two parts: rows of a device that came in both then do not have consecutive ids.
    const first = ++this.lastId;
    const states = this.before === null ? null : knownStates(this.before, entries);
    for (const entry of entries) {
      const known = states === null ? null : (states.get(entry.key) ?? NONE_KNOWN);
      this.words.noteAttributes('attribute', entry.record?.attributes);
      for (const row of rowsOfDevice(entry, this.factsOf, this.names, this.now())) {
        const values = valuesOf(row);
        this.words.note(values);
        this.phones.add([++this.lastId, ...values, this.sinceOf(known, row.user, values[STATE] ?? null)]);
      }
      for (const decision of decisionsOfDevice(entry)) insertDecision(this.file, decision);
    }
    this.phones.flush();
    return this.lastId - first;
  }

  /** Names with reports, of users who have other names too, in lists of limited size. */
  *joinedNames(): Iterable<readonly UserKey[]> {
    yield* inLists(this.grouped.claimed);
    yield* inLists(this.claimantsOfReported());
    const page = this.file.statement(
      `SELECT aliases.id, alias FROM aliases JOIN users ON users.user = alias
       WHERE aliases.id > ? AND reported = 1 ORDER BY aliases.id LIMIT ${JOINED_AT_ONCE}`,
    );
    for (let after = 0; ;) {
      const rows = page.all(after);
      if (rows.length === 0) return;
      after = Number(rows.at(-1)?.['id']);
      yield rows.map(({ alias }) => String(alias) as UserKey);
    }
  }

  private claimantsOfReported(): ReadonlySet<UserKey> {
    const found = new Set<UserKey>();
    for (const [alias, users] of this.claimants)
      if (this.users.valuesOf(alias) !== null) for (const user of users) found.add(user);
    return found;
  }

  /** Writes the facts that count for a user into the rows of all its names (decisions/0190). */
  join(joined: JoinedUser): void {
    const keys = this.users.join(joined);
    for (const key of keys) {
      const values = this.users.valuesOf(key);
      if (values === null) continue;
      this.words.noteGroups(values.groups);
      this.known.add(key, values);
    }
    for (const [alias, user] of namesJoined(joined, keys)) {
      if (user !== null) this.aliasRows.add([alias, user]);
      this.aliasRows.flush();
      this.settleAlias(alias, user);
    }
  }

  /** The owner of an alias that two users are reported with; null = none. */
  settleAlias(alias: UserKey, user: UserKey | null): void {
    this.known.addAlias(alias, user);
    if (user === null) this.file.statement('DELETE FROM aliases WHERE alias = ?').run(alias);
    else this.file.statement('UPDATE aliases SET user = ? WHERE alias = ?').run(user, alias);
  }

  /** Removes the earlier rows of devices that the store returned twice, once the indices are there. */
  dropEarlier(): void {
    const twice = this.file
      .statement('SELECT device FROM phones GROUP BY device HAVING max(id) - min(id) >= count(*)')
      .all();
    for (const { device } of twice) {
      const ids = this.file
        .statement('SELECT id FROM phones WHERE device = ? ORDER BY id')
        .all(String(device));
      let earlier = -1;
      for (let at = 1; at < ids.length; at += 1)
        if (Number(ids[at]?.['id']) - Number(ids[at - 1]?.['id']) > 1) earlier = at - 1;
      this.file
        .statement('DELETE FROM phones WHERE device = ? AND id <= ?')
        .run(String(device), Number(ids[earlier]?.['id'] ?? 0));
    }
  }

  /** Since when a phone is in its state: as in the model before; a state that it did not have begins now. */
  private sinceOf(
    known: ReadonlyMap<string | null, StoredRow> | null,
    user: UserKey | null,
    state: Value,
  ): number | null {
    if (known === null) return null;
    const row = known.get(user);
    return row !== undefined && row['state'] === state ? (row['state_since'] as number | null) : this.now();
  }

  /** `first`: who was reported with the alias before; null = the file knows. */
  private dispute(alias: UserKey, first: UserKey | null, user: UserKey): void {
    this.disputed.add(alias);
    let users = this.claimants.get(alias);
    if (users === undefined) {
      this.claimants.set(alias, (users = new Set()));
      this.aliasRows.flush();
      const known = first ?? this.users.aliasTarget(alias);
      if (known !== null) users.add(known);
    }
    if (users.size < MAX_CLAIMANTS) users.add(user);
  }

  private addAlias(alias: UserKey, user: UserKey): void {
    const isOfAnother = this.known.isOfAnother(alias, user);
    if (isOfAnother === null) {
      // Not all names are in memory: the file knows whether another user has it.
      this.aliasRows.flush();
      const target = this.users.aliasTarget(alias);
      if (target !== null && target !== user) this.dispute(alias, target, user);
    } else if (isOfAnother) this.dispute(alias, null, user);
    this.aliasRows.add([alias, user]);
    this.known.addAlias(alias, user);
  }
}

/** Users that are read from the store at once. */
const JOINED_AT_ONCE = 64;
/** Most users of one alias that are asked for: an alias that more have is that of no user. */
const MAX_CLAIMANTS = 1_000;

function* inLists(names: ReadonlySet<UserKey>): Iterable<readonly UserKey[]> {
  const all = [...names];
  for (let at = 0; at < all.length; at += JOINED_AT_ONCE) yield all.slice(at, at + JOINED_AT_ONCE);
}

/** Names that `identity.domains` makes the same as a name of another user, and names that are not the canonical one of their group. */
class GroupedNames {
  readonly claimed = new Set<UserKey>();
  private readonly names: UserNames;
  private readonly users = new NameIndex();
  private readonly byName = new NameIndex();

  constructor(names: UserNames) {
    this.names = names;
  }

  add({ key, aliases }: UserRecord): void {
    if (!this.names.hasGroups) return;
    let number = this.users.get(key);
    if (number === NONE) this.users.set(key, (number = this.users.size));
    if (this.names.canonical(key) !== key) this.claimed.add(key);
    for (const name of [key, ...aliases]) {
      const grouped = this.names.canonical(name);
      const owner = this.byName.get(grouped);
      if (owner !== NONE && owner !== number) this.claimed.add(name);
      else this.byName.set(grouped, number);
    }
  }
}

/** Most names that are kept in memory, some 25 bytes each: of more users, the facts are read from the file. */
const MAX_NAMES = 2_000_000;
/** Most groups in the different facts that are kept, some 80 bytes each. */
const MAX_GROUPS = 500_000;
/** In place of the number of a user: the name is no alias. */
const NOBODY = -2;
/** In place of the number of facts. */
const IN_FILE = -1;

/**
 * What rows hold of users, while they are loaded: most users share the same few lists of groups, and have no decision. Names are kept as hashes
 * (name-index.ts).
 */
class KnownFacts {
  private readonly names: UserNames;
  private readonly maxNames: number;
  private readonly maxGroups: number;
  private users = new NameIndex();
  private aliases = new NameIndex();
  /** By user: the number of its facts, from 1; 0 = nothing is known of it, {@link IN_FILE} = they are not kept. */
  private factsBy = new NumberColumn();
  private readonly facts: UserFacts[] = [];
  private readonly numbers = new Map<string, number>();
  /** In `facts`. */
  private groups = 0;
  private isWhole = true;

  constructor(names: UserNames, { maxNames = MAX_NAMES, maxGroups = MAX_GROUPS }: LoadLimits) {
    this.names = names;
    this.maxNames = maxNames;
    this.maxGroups = maxGroups;
  }

  add(user: UserKey, { columns, groups }: UserValues): void {
    if (!this.hasRoom()) return;
    const [, , , action = null, expiresAt = null] = columns;
    this.factsBy.set(this.numberOf(user), this.numberOfFacts(groups, action, expiresAt));
  }

  private numberOfFacts(groups: string | null, action: Value, expiresAt: Value): number {
    const key = JSON.stringify([groups, action, expiresAt]);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.groups >= this.maxGroups) return IN_FILE;
    const facts = factsIn(groups, action, expiresAt);
    const number = this.facts.push(facts);
    this.numbers.set(key, number);
    this.groups += 1 + (facts.groups?.length ?? 0);
    return number;
  }

  /** `user` null = the name is no alias. */
  addAlias(alias: UserKey, user: UserKey | null): void {
    if (this.hasRoom()) this.aliases.set(alias, user === null ? NOBODY : this.numberOf(user));
  }

  /** Whether an alias is that of another user; null = not all names are in memory. */
  isOfAnother(alias: UserKey, user: UserKey): boolean | null {
    if (!this.isWhole) return null;
    const owner = this.aliases.get(alias);
    return owner >= 0 && owner !== this.users.get(user);
  }

  /** Null = they are not in memory. */
  factsOf(name: UserKey): UserFacts | null {
    if (!this.isWhole) return null;
    const grouped = this.names.canonical(name);
    const [owner, other] = [this.aliases.get(name), this.aliases.get(grouped)];
    const user = owner >= 0 ? owner : other >= 0 ? other : this.users.get(grouped);
    const number = user === NONE ? 0 : this.factsBy.get(user);
    return number === IN_FILE ? null : (this.facts[number - 1] ?? UNKNOWN_USER);
  }

  private numberOf(user: UserKey): number {
    const known = this.users.get(user);
    if (known !== NONE) return known;
    const number = this.users.size;
    this.users.set(user, number);
    return number;
  }

  private hasRoom(): boolean {
    if (!this.isWhole) return false;
    if (this.users.size + this.aliases.size < this.maxNames) return true;
    this.isWhole = false;
    this.users = new NameIndex();
    this.aliases = new NameIndex();
    this.factsBy = new NumberColumn();
    this.facts.length = 0;
    this.groups = 0;
    this.numbers.clear();
    return false;
  }
}

/** Of a device that the model before did not have. */
const NONE_KNOWN: ReadonlyMap<string | null, StoredRow> = new Map();

/** The rows of some devices in a model, by device and user. */
function knownStates(
  before: ModelFile,
  entries: readonly DeviceEntry[],
): ReadonlyMap<string, ReadonlyMap<string | null, StoredRow>> {
  const rows = before
    .statement(
      'SELECT device, user, state, state_since FROM phones WHERE device IN (SELECT value FROM json_each(?))',
    )
    .all(JSON.stringify(entries.map(({ key }) => key)));
  const found = new Map<string, Map<string | null, StoredRow>>();
  for (const row of rows) {
    const device = String(row['device']);
    let users = found.get(device);
    if (users === undefined) found.set(device, (users = new Map()));
    users.set(row['user'] as string | null, row);
  }
  return found;
}

/** Writes rows by statements of many rows. */
class RowBatch {
  private readonly file: ModelFile;
  private readonly one: string;
  private readonly many: string;
  private values: Value[] = [];
  private rows = 0;

  constructor(file: ModelFile, verb: string, columns: readonly string[]) {
    this.file = file;
    const places = `(${columns.map(() => '?').join(', ')})`;
    const start = `${verb} (${columns.join(', ')}) VALUES `;
    this.one = start + places;
    this.many = start + Array.from({ length: ROWS }, () => places).join(', ');
  }

  add(values: readonly Value[]): void {
    for (const value of values) this.values.push(value);
    if (++this.rows < ROWS) return;
    this.file.statement(this.many).run(...this.values);
    this.values = [];
    this.rows = 0;
  }

  flush(): void {
    const width = this.values.length / this.rows;
    for (let at = 0; at < this.values.length; at += width)
      this.file.statement(this.one).run(...this.values.slice(at, at + width));
    this.values = [];
    this.rows = 0;
  }
}
