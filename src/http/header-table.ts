// Owns the table of header names that the gateway handles, and a lookup that allocates no string. Pure.

/** How a header is handled. */
export type HeaderRole =
  /** forwarded; a second line of this name is an error */
  | 'unique'
  /** forwarded as it is */
  | 'pass'
  /** dropped: hop-by-hop, or a claim that a server might trust */
  | 'drop';

/** One known header name. */
export interface HeaderEntry {
  /** The name in lower case. */
  readonly bytes: Uint8Array;
  /** Slot in the parser's position table, 0 = not captured. */
  readonly slot: number;
  readonly dropped: boolean;
  readonly unique: boolean;
}

/** Names of one direction, in a collision-free hash table over the bytes of a head. */
export interface HeaderTable {
  readonly cells: readonly (HeaderEntry | undefined)[];
  /** Multiplier that gives every name its own cell. */
  readonly seed: number;
  readonly slots: number;
}

/** Cells are addressed by the top bits of a 32-bit product. */
const CELL_BITS = 10;

function cellOf(hash: number, seed: number): number {
  return Math.imul(hash, seed) >>> (32 - CELL_BITS);
}

/** Hash step over one byte of a name; folds case (`| 0x20` maps A-Z on a-z and leaves digits and `-`). */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + (byte | 0x20)) & 0x3fffffff;
}

/** Builds a table; throws at start-up in the unlikely case that no seed separates the names. */
export function headerTable(
  entries: readonly (readonly [name: string, role: HeaderRole, slot?: number])[],
): HeaderTable {
  const slots = Math.max(...entries.map(([, , slot = 0]) => slot)) + 1;
  for (let seed = 0x9e3779b1; seed < 0x9e3779b1 + 20_000; seed += 2) {
    const cells: (HeaderEntry | undefined)[] = Array.from({ length: 1 << CELL_BITS }, () => undefined);
    const separated = entries.every(([name, role, slot = 0]) => {
      let hash = 0;
      for (let index = 0; index < name.length; index++) hash = hashByte(hash, name.charCodeAt(index));
      const cell = cellOf(hash, seed);
      if (cells[cell] !== undefined) return false;
      cells[cell] = {
        bytes: Buffer.from(name, 'latin1'),
        slot,
        dropped: role === 'drop',
        unique: role === 'unique',
      };
      return true;
    });
    if (separated) return { cells, seed, slots };
  }
  throw new Error('header table: no seed separates the names');
}

/** The entry whose name is at `start..end`, or undefined. */
export function findHeader(
  table: HeaderTable,
  hash: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): HeaderEntry | undefined {
  const entry = table.cells[cellOf(hash, table.seed)];
  if (entry === undefined) return undefined;
  const name = entry.bytes;
  const length = name.length;
  if (length !== end - start) return undefined;
  for (let index = 0; index < length; index++) {
    if (((bytes[start + index] as number) | 0x20) !== name[index]) return undefined;
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
