// Owns what the read model knows of one user: names that were seen, and devices, so that a question about one user does not read
// the whole directory.
import type { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { KnownUsers } from './known-users.ts';

/** Most devices of one user that are read: a shared account may have as many as an organisation. */
const MAX_DEVICES = 1_000;
const READS = 64;

/** Users as the read model knows them. */
export function usersInModel(store: DirectoryStore, reader: ModelReader): KnownUsers {
  const select = (table: string, column: string, names: readonly UserKey[]): string[] =>
    names.flatMap((name) =>
      reader
        .all(
          `SELECT DISTINCT ${column} AS found FROM ${table}
             WHERE local = ? AND meets(user, ?) AND ${column} IS NOT NULL LIMIT ?`,
          [foldedLocalPart(name), name, MAX_DEVICES],
        )
        .map((row) => String(row['found'])),
    );
  return {
    namesLike: async (names) => [...new Set(select('phones', 'user', names))] as UserKey[],
    devicesOf: async (names) => {
      const keys = new Set([
        ...select('phones', 'device', names),
        ...select('decisions', 'device', names),
      ] as DeviceKey[]);
      const wanted = [...keys].sort().slice(0, MAX_DEVICES);
      const entries: DeviceEntry[] = [];
      for (let at = 0; at < wanted.length; at += READS) {
        const part = await Promise.all(wanted.slice(at, at + READS).map((key) => store.getDevice(key)));
        entries.push(...part.filter((entry) => entry !== null));
      }
      return entries;
    },
  };
}
