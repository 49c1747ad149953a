// Owns building a read model anew: the whole store is read into an empty file, whose indices are made at the end.
import type { UserKey } from '../../identity/keys.ts';
import type { DirectoryStore } from '../store.ts';
import type { ModelFile } from './model-file.ts';
import { addModelFunctions } from './model-functions.ts';
import { ModelLoad } from './model-load.ts';
import type { LoadLimits } from './model-load.ts';

/** Called now and then during a build with the number of rows so far. */
export type OnBuild = (rows: number) => Promise<void>;

/** What is built, and from what. */
export interface Build {
  readonly store: DirectoryStore;
  /** An empty one. */
  readonly file: ModelFile;
  /** The complete model that is replaced, which knows since when a phone is in its state; null = there is none. */
  readonly before: ModelFile | null;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly limits?: LoadLimits | undefined;
}

/** Builds the file to its end. */
export async function buildFile(
  { store, file, before, now, limits }: Build,
  onBuild: OnBuild,
): Promise<void> {
  const load = new ModelLoad(file, before, store.names, now, limits);
  addModelFunctions(file.database, store.names);
  let rows = 0;
  file.database.exec('BEGIN IMMEDIATE');
  for await (const part of store.scanUsers(false)) {
    load.addUsers(part);
    await onBuild(rows);
  }
  for (const alias of load.disputed) load.settleAlias(alias, await ownerOf(store, alias));
  for (const names of load.joinedNames()) {
    for (const joined of await Promise.all(names.map((name) => store.joinedUser(name)))) load.join(joined);
    await onBuild(rows);
  }
  for await (const part of store.scanDevices()) {
    rows += load.addDevices(part);
    await onBuild(rows);
  }
  file.database.exec('COMMIT');
  for (const _ of file.complete()) await onBuild(rows);
  file.write(() => load.dropEarlier());
}

/** The user of an alias that two users report, as the store has it. Null = the name is no alias of another user. */
export async function ownerOf(store: DirectoryStore, alias: UserKey): Promise<UserKey | null> {
  const { user } = await store.joinedUser(alias);
  return store.names.same(user, alias) ? null : user;
}
