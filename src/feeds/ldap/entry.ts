// Owns one entry of a directory: values by attribute name in any case, ranges of values, and the forms of ids and DNs. Pure.
import { Buffer } from 'node:buffer';

type Value = string | Buffer;

/** A part of a long list, as Active Directory answers it: `member;range=0-1499`. */
export interface Range {
  readonly values: readonly string[];
  /** The first index of the next part; null = this was the last. */
  readonly next: number | null;
}

/** An entry. */
export class DirectoryEntry {
  readonly dn: string;
  private readonly values = new Map<string, readonly Value[]>();

  /** `record`: values by attribute, as the library gives them. */
  constructor(record: Readonly<Record<string, Value | readonly Value[]>>) {
    this.dn = typeof record['dn'] === 'string' ? record['dn'] : '';
    for (const [name, value] of Object.entries(record))
      if (name !== 'dn') this.values.set(name.toLowerCase(), [value].flat());
  }

  /** The texts of an attribute; values that are no text are left out. */
  texts(name: string): string[] {
    return (this.values.get(name.toLowerCase()) ?? []).filter((value) => typeof value === 'string');
  }

  /** The first text of an attribute; null = none. */
  text(name: string): string | null {
    return this.texts(name)[0] ?? null;
  }

  /** The first value as bytes; null = none. */
  bytes(name: string): Buffer | null {
    const [value] = this.values.get(name.toLowerCase()) ?? [];
    return value === undefined ? null : Buffer.from(value);
  }

  /** Whether the attribute has a value. */
  has(name: string): boolean {
    return (this.values.get(name.toLowerCase()) ?? []).length > 0;
  }

  /** The part of a list that the answer has beside the empty attribute (MS-ADTS 3.1.1.3.1.3.3); null = the list came whole. */
  range(name: string): Range | null {
    const start = `${name.toLowerCase()};range=`;
    for (const key of this.values.keys()) {
      if (!key.startsWith(start)) continue;
      const [, last] = /^\d+-(\d+|\*)$/.exec(key.slice(start.length)) ?? [];
      // The library adds what was asked for and not answered, as an empty list.
      const values = this.texts(key);
      if (last === undefined || values.length === 0) continue;
      return { values, next: last === '*' ? null : Number(last) + 1 };
    }
    return null;
  }
}

/** objectGUID as it is written: the first three parts are little-endian (MS-DTYP 2.3.4.2). */
export function guidText(bytes: Buffer | null): string | null {
  if (bytes?.length !== 16) return null;
  const parts = [
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8, 10),
    bytes.subarray(10),
  ];
  return parts.map((part) => part.toString('hex')).join('-');
}

/** The SID of another account of the same domain: the last four bytes are its number (MS-DTYP 2.4.2.2). */
export function sidInDomain(sid: Buffer, number: number): string {
  const other = Buffer.from(sid);
  other.writeUInt32LE(number >>> 0, other.length - 4);
  return other.toString('hex');
}

const SPECIAL = new Map(',+"\\<>;= #'.split('').map((letter) => [letter.charCodeAt(0), letter]));

/** A DN in a form in which DNs compare: without case, without spaces around separators, one way of escaping (RFC 4514). */
export function dnKey(dn: string): string {
  // Nearly every DN is written without escapes and spaces.
  const text = dn.toLowerCase();
  if (!text.includes('\\') && !text.includes(', ') && !text.includes('= ') && !text.includes(' '))
    return text;
  return (
    text
      .replaceAll(/\\([0-9a-f]{2})/g, (whole, hex: string) => {
        const letter = SPECIAL.get(Number.parseInt(hex, 16));
        return letter === undefined ? whole : `\\${letter}`;
      })
      // A run of spaces is looked at from its beginning only: else its cost would grow with the square of its length.
      .replaceAll(/(?:(?<! ) +)?([,=+]) */g, (whole, separator: string, at: number, all: string) =>
        at > 0 && all[at - 1] === '\\' ? whole : separator,
      )
  );
}
