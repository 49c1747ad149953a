// Owns the reply of the script READ: one text in place of many, which costs the client a fraction of the time.
import { isAscii } from 'node:buffer';
import { unexpectedReply } from './resp-cursor.ts';

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
  if (!(reply instanceof Buffer)) throw unexpectedReply();
  const sizes = new Sizes(reply);
  const textOf = isBrief && isAscii(reply) ? partsOf(reply.toString('latin1')) : textsOf(reply);
  const hashes: ReadHash[] = [];
  let at = sizes.end + 1;
  while (sizes.hasMore()) {
    const end = textOf(at, (at += sizes.next()));
    const count = sizes.hasMore() ? sizes.next() : -1;
    if (count === -1) {
      hashes.push({ end, values: null });
      continue;
    }
    const values: (string | null)[] = [];
    for (let index = 0; index < count; index += 1) {
      const size = sizes.hasMore() ? sizes.next() : -1;
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

/** The numbers in the first line of a reply, one after the other: a list of them would be the largest part of what a look-up allocates here. */
class Sizes {
  /** Where the line ends. */
  readonly end: number;
  private readonly reply: Buffer;
  private at = 0;

  constructor(reply: Buffer) {
    this.reply = reply;
    this.end = reply.indexOf(LINE_END);
    if (this.end === -1) throw unexpectedReply();
  }

  hasMore(): boolean {
    return this.at <= this.end;
  }

  next(): number {
    const { reply } = this;
    const isNegative = reply[this.at] === MINUS;
    if (isNegative) this.at += 1;
    let size = 0;
    let byte = reply[this.at++] ?? LINE_END;
    while (byte !== SPACE && byte !== LINE_END) {
      size = size * 10 + byte - ZERO;
      byte = reply[this.at++] ?? LINE_END;
    }
    return isNegative ? -size : size;
  }
}
