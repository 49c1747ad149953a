// Owns keeping the users of a read model, with their aliases and the decisions on them. A name may be an alias of two users, and a user may have
// reports under several names: the rows of one user depend on those of others.
import type { UserKey } from '../../identity/keys.ts';
import type { DirectoryStore, JoinedUser, UserEntry } from '../store.ts';
import { ownerOf } from './model-build.ts';
import type { ModelFile } from './model-file.ts';
import { withJoined } from './model-user-rows.ts';
import { localsOf } from './model-writer.ts';
import type { ModelWriter } from './model-writer.ts';

/** Records re-read from the store at once. */
export const READS = 64;

/** Ids of rows that were written. */
interface RowIds {
  readonly users: number[];
  readonly aliases: number[];
  readonly decisions: number[];
}

const NOBODY: ReadonlyMap<UserKey, JoinedUser> = new Map();

/** Keeps the users of one file. One method at a time. */
export class UserKeeper {
  private readonly store: DirectoryStore;
  private readonly file: ModelFile;
  private readonly writer: ModelWriter;

  constructor(store: DirectoryStore, file: ModelFile, writer: ModelWriter) {
    this.store = store;
    this.file = file;
    this.writer = writer;
  }

  /** Reads users again, by names that the log has. */
  async read(names: ReadonlySet<UserKey>): Promise<void> {
    const all = [...names];
    for (let at = 0; at < all.length; at += READS) {
      const part = all.slice(at, at + READS);
      const entries = await Promise.all(part.map((name) => this.store.getUser(name)));
      const joined = await this.joinedWith(entries.filter((entry) => entry !== null));
      const kept = await this.keptAliases(part, entries);
      const touched = new Set<UserKey>(part);
      this.file.write(() => {
        for (const [index, name] of part.entries()) {
          const entry = entries[index] ?? null;
          const before = this.writer.aliasTarget(name);
          if (before !== null) touched.add(before);
          if (entry?.key !== name) this.writer.dropUser(name);
          if ((entry === null || entry.key === name) && !kept.has(name)) this.writer.putAlias(name, null);
          for (const alias of this.writer.aliasesOf(name)) {
            touched.add(alias);
            if (entry?.key !== name || entry.record?.aliases.includes(alias) !== true)
              this.writer.putAlias(alias, null);
          }
        }
      });
      await this.putJoined(
        entries.filter((entry) => entry !== null),
        joined,
        touched,
      );
      this.file.write(() => this.writer.refreshUsers(localsOf(touched)));
    }
  }

  /** Writes entries that were read. Returns the ids of their rows. */
  async put(entries: readonly UserEntry[]): Promise<RowIds> {
    return this.putJoined(entries, await this.joinedWith(entries));
  }

  /** Names with an entry of their own, such as that of devices, which are an alias of another user all the same. */
  private async keptAliases(
    names: readonly UserKey[],
    entries: readonly (UserEntry | null)[],
  ): Promise<ReadonlySet<UserKey>> {
    const kept = new Set<UserKey>();
    for (const [index, name] of names.entries())
      if (entries[index]?.key === name && this.writer.aliasTarget(name) !== null)
        if ((await ownerOf(this.store, name)) !== null) kept.add(name);
    return kept;
  }

  /** Reads the users that may have reports under several names from the store, by the keys of the entries. */
  private async joinedWith(entries: readonly UserEntry[]): Promise<ReadonlyMap<UserKey, JoinedUser>> {
    const found = entries.filter((entry) => this.writer.mayBeJoined(entry));
    if (found.length === 0) return NOBODY;
    return new Map(
      await Promise.all(found.map(async ({ key }) => [key, await this.store.joinedUser(key)] as const)),
    );
  }

  /** `joined`: the facts that count for users with several names. Returns the ids of the rows. */
  private async putJoined(
    entries: readonly UserEntry[],
    joined: ReadonlyMap<UserKey, JoinedUser>,
    touched?: Set<UserKey>,
  ): Promise<RowIds> {
    const ids: RowIds = { users: [], aliases: [], decisions: [] };
    const disputed: UserKey[] = [];
    this.file.write(() => {
      for (const entry of entries) {
        const { user, decisions } = this.writer.putUser(withJoined(entry, joined.get(entry.key)));
        ids.users.push(user ?? 0);
        ids.decisions.push(...decisions);
        touched?.add(entry.key);
        for (const alias of entry.record?.aliases ?? []) {
          touched?.add(alias);
          const before = this.writer.aliasTarget(alias);
          if (before === null || before === entry.key)
            ids.aliases.push(this.writer.putAlias(alias, entry.key) ?? 0);
          else disputed.push(alias);
        }
      }
    });
    // Two users are reported with one name: the store knows whose it is.
    for (const alias of disputed) {
      const user = await ownerOf(this.store, alias);
      this.file.write(() => ids.aliases.push(this.writer.putAlias(alias, user) ?? 0));
    }
    // Only now the file has all names that these entries bring, so further users may turn out to have several.
    const others = await this.joinedWith(entries.filter(({ key }) => !joined.has(key)));
    this.file.write(() => {
      for (const one of [...joined.values(), ...others.values()]) {
        ids.aliases.push(...this.writer.join(one));
        for (const name of [one.user, ...(one.record?.aliases ?? [])]) touched?.add(name);
      }
    });
    return ids;
  }
}
