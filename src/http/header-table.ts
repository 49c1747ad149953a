// Owns which header names mean something to the gateway, and a lookup that needs no string. Pure.

/** What becomes of a header. */
export type HeaderRole =
  /** goes on, may come once only */
  | 'unique'
  /** goes on as it is */
  | 'pass'
  /** stays here: hop-by-hop, or a claim a server might trust */
  | 'drop';

/** One known header name. */
export interface HeaderEntry {
  readonly name: string;
  /** Slot in the parser's position table, 0 = not captured. */
  readonly slot: number;
  readonly dropped: boolean;
  readonly unique: boolean;
}

/** Names of one direction, found by hash over the bytes of a head. */
export interface HeaderTable {
  readonly byHash: ReadonlyMap<number, HeaderEntry>;
  readonly slots: number;
}

/** Hash step over one byte of a name; folds case (`| 0x20` maps A-Z on a-z and leaves digits and `-`). */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + (byte | 0x20)) & 0x3fffffff;
}

/** Builds a table; throws at start-up when two names collide. */
export function headerTable(
  entries: readonly (readonly [name: string, role: HeaderRole, slot?: number])[],
): HeaderTable {
  const byHash = new Map<number, HeaderEntry>();
  let slots = 1;
  for (const [name, role, slot = 0] of entries) {
    let hash = 0;
    for (let index = 0; index < name.length; index++) hash = hashByte(hash, name.charCodeAt(index));
    if (byHash.has(hash)) throw new Error(`header table: ${name} collides`);
    byHash.set(hash, { name, slot, dropped: role === 'drop', unique: role === 'unique' });
    slots = Math.max(slots, slot + 1);
  }
  return { byHash, slots };
}

/** The entry whose name stands at `start..end`, or undefined. */
export function findHeader(
  table: HeaderTable,
  hash: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): HeaderEntry | undefined {
  const entry = table.byHash.get(hash);
  if (entry === undefined || entry.name.length !== end - start) return undefined;
  const name = entry.name;
  for (let index = 0; index < name.length; index++) {
    if (((bytes[start + index] ?? 0) | 0x20) !== (name.charCodeAt(index) | 0x20)) return undefined;
  }
  return entry;
}

/** Whether the bytes at `start..end` begin with the lower-case `prefix`, without regard to case. */
export function hasPrefix(bytes: Uint8Array, start: number, end: number, prefix: string): boolean {
  if (end - start < prefix.length) return false;
  for (let index = 0; index < prefix.length; index++) {
    if (((bytes[start + index] ?? 0) | 0x20) !== (prefix.charCodeAt(index) | 0x20)) return false;
  }
  return true;
}
