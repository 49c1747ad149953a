// Owns the search for names and devices of one user by the read model, so that a question about one user does not read the whole
// directory.
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { UserSearch } from './user-search.ts';

/** Most devices of one user that are read: a shared account may have as many as an organisation. */
const MAX_DEVICES = 1_000;
const READS = 64;

/** How the read model is asked: at once, or in a thread. */
export interface UsersModel {
  namesLike(names: readonly UserKey[]): Promise<readonly UserKey[]>;
  /** {@link devicesInModel} */
  devicesOf(names: readonly UserKey[]): Promise<readonly DeviceKey[]>;
}

/** Names that were seen with devices and may be one of these. */
export function namesInModel(reader: ModelReader, names: readonly UserKey[]): readonly UserKey[] {
  return [...new Set(select(reader, 'phones', 'user', names))] as UserKey[];
}

/** Devices that users with these names were seen with, or have a decision on; {@link MAX_DEVICES} at most. */
export function devicesInModel(reader: ModelReader, names: readonly UserKey[]): readonly DeviceKey[] {
  const keys = new Set([
    ...select(reader, 'phones', 'device', names),
    ...select(reader, 'decisions', 'device', names),
  ] as DeviceKey[]);
  return [...keys].sort().slice(0, MAX_DEVICES);
}

function select(
  reader: ModelReader,
  table: 'phones' | 'decisions',
  column: 'user' | 'device',
  names: readonly UserKey[],
): string[] {
  return names.flatMap((name) =>
    reader
      .all(
        `SELECT DISTINCT ${column} AS found FROM ${table}
             WHERE local = ? AND may_be_same(user, ?) AND ${column} IS NOT NULL LIMIT ?`,
        [foldedLocalPart(name), name, MAX_DEVICES],
      )
      .map((row) => String(row['found'])),
  );
}

/** Users as the read model knows them. */
export function searchInModel(store: DirectoryStore, model: UsersModel): UserSearch {
  return {
    namesLike: (names) => model.namesLike(names),
    devicesOf: async (names) => {
      const wanted = await model.devicesOf(names);
      const entries: DeviceEntry[] = [];
      for (let at = 0; at < wanted.length; at += READS) {
        const part = await Promise.all(wanted.slice(at, at + READS).map((key) => store.getDevice(key)));
        entries.push(...part.filter((entry) => entry !== null));
      }
      return entries;
    },
  };
}
