// Owns finding the entries of the verdict cache that belong to users: a short hash of the names of each entry, which changed users are
// compared with. It takes 20 bytes an entry. A run of a feed changes users hundreds of times, and a walk over the entries themselves
// would delay requests each time.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { CachedAccess } from './cached-access.ts';

/** Values of a hash. */
const HASHES = 65_536;
const FIRST_ROOM = 1_024;
const FNV_PRIME = 0x01000193;
/** Differs between processes, so that nobody can make up names that collide. */
const SEED = Math.trunc(Math.random() * 2 ** 32);

/** Which hashes are looked for; all zero between two searches. */
const wanted = new Uint8Array(HASHES);

export class EntriesByUser {
  /** Without gaps; each entry knows its place. */
  private readonly entries: CachedAccess[] = [];
  /** Of each entry two: of the name of the login, and of the user that it stands for. */
  private hashes = new Uint16Array(2 * FIRST_ROOM);

  /** Does nothing if it is there already. */
  add(entry: CachedAccess): void {
    if (this.entries[entry.place] === entry) return;
    const place = this.entries.push(entry) - 1;
    entry.place = place;
    if (this.hashes.length < 2 * this.entries.length) {
      const larger = new Uint16Array(2 * this.hashes.length);
      larger.set(this.hashes);
      this.hashes = larger;
    }
    const { user, canonical } = entry;
    const hash = hashOf(foldedLocalPart(user));
    this.hashes[2 * place] = hash;
    this.hashes[2 * place + 1] = canonical === user ? hash : hashOf(foldedLocalPart(canonical));
  }

  /** Does nothing if it is not there. */
  remove(entry: CachedAccess): void {
    const { place } = entry;
    if (this.entries[place] !== entry) return;
    const last = this.entries.pop();
    if (last === undefined || last === entry) return;
    const { hashes } = this;
    const from = this.entries.length;
    this.entries[place] = last;
    last.place = place;
    hashes[2 * place] = hashes[2 * from] ?? 0;
    hashes[2 * place + 1] = hashes[2 * from + 1] ?? 0;
  }

  clear(): void {
    this.entries.length = 0;
  }

  /** The entries of users with one of these folded local parts. */
  find(users: ReadonlySet<string>): CachedAccess[] {
    const { entries, hashes } = this;
    const found: CachedAccess[] = [];
    for (const user of users) wanted[hashOf(user)] = 1;
    for (let place = 0; place < entries.length; place++) {
      if (wanted[hashes[2 * place] ?? 0] === 0 && wanted[hashes[2 * place + 1] ?? 0] === 0) continue;
      const entry = entries[place] as CachedAccess;
      if (users.has(foldedLocalPart(entry.user)) || users.has(foldedLocalPart(entry.canonical)))
        found.push(entry);
    }
    for (const user of users) wanted[hashOf(user)] = 0;
    return found;
  }
}

function hashOf(text: string): number {
  let hash = SEED;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return (hash ^ (hash >>> 16)) & (HASHES - 1);
}
