// Owns the reply of the script READ: one text in place of many, which costs the client a fraction of the time.
import { isAscii } from 'node:buffer';

/** A hash as it was read. */
export interface ReadHash {
  /** The id of the last entry in the log of its partition. */
  readonly end: string;
  /** Of all fields: names and values in turn. Of chosen fields: their values, null = none. Null = the key is no hash. */
  readonly values: readonly (string | null)[] | null;
}

const LINE_END = 0x0a;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;

/**
 * The hashes in a reply, in the order of the keys. `isBrief`: nothing of them is kept, so that the texts may be parts of one text: that costs less than a
 * text made of each, and who keeps one keeps all.
 */
export function unpackHashes(reply: unknown, isBrief = false): ReadHash[] {
  if (!(reply instanceof Buffer)) throw new Error('Redis answered a read with something else');
  const sizes = sizesOf(reply);
  const textOf = isBrief && isAscii(reply) ? partsOf(reply.toString('latin1')) : textsOf(reply);
  const hashes: ReadHash[] = [];
  let at = reply.indexOf(LINE_END) + 1;
  for (let next = 0; next < sizes.length;) {
    const end = textOf(at, (at += sizes[next++] ?? 0));
    const count = sizes[next++] ?? -1;
    if (count === -1) {
      hashes.push({ end, values: null });
      continue;
    }
    const values: (string | null)[] = [];
    for (let index = 0; index < count; index += 1) {
      const size = sizes[next++] ?? -1;
      values.push(size === -1 ? null : textOf(at, (at += size)));
    }
    hashes.push({ end, values });
  }
  return hashes;
}

type TextOf = (from: number, to: number) => string;

function textsOf(reply: Buffer): TextOf {
  return (from, to) => reply.toString('utf8', from, to);
}

function partsOf(text: string): TextOf {
  return (from, to) => text.slice(from, to);
}

function sizesOf(reply: Buffer): number[] {
  const sizes: number[] = [];
  let size = 0;
  let sign = 1;
  for (let at = 0; at < reply.length; at += 1) {
    const byte = reply[at] ?? 0;
    if (byte === MINUS) sign = -1;
    else if (byte === SPACE || byte === LINE_END) {
      sizes.push(size * sign);
      size = 0;
      sign = 1;
      if (byte === LINE_END) return sizes;
    } else size = size * 10 + byte - ZERO;
  }
  throw new Error('Redis answered a read with something else');
}
