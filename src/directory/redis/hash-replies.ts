// Owns lists of whole hashes as a single server sends them: the commands (hash-commands.ts), which have the names, and then the replies. They
// become texts only in the thread that uses them.
import { isAscii } from 'node:buffer';
import { ERROR, LIST, RespCursor, unexpectedReply } from './resp-cursor.ts';

/** Names and values of the fields in turn; null = the key is no hash. */
export type WholeHash = readonly string[] | null;

/** A hash, and the name in its key, as it stands there. */
export type NamedHash = readonly [name: string, hash: WholeHash];

const STAR = 0x2a;
/** Words of `HGETALL KEY`. */
const COMMAND_WORDS = 2;

/** Whether this is such a list; scripts return JSON (whole-hashes.ts). */
export function isPacked(reply: Uint8Array): boolean {
  return reply[0] === STAR;
}

/**
 * The hashes in such a list, one by one (decisions/0197). Keys that do not exist are left out, and hashes that have only one alias: up to two
 * thirds of the users' hashes are such, and a walk does not need them. `without`: fields whose names begin so are left out; null = none.
 */
export function* unpackNamedHashes(packed: Uint8Array, without: string | null): Generator<NamedHash> {
  const names = new RespCursor(packed);
  const count = names.header();
  if (names.type !== LIST || count < 0) throw unexpectedReply();
  const replies = new RespCursor(packed, names.at);
  for (let at = 0; at < count; at += 1) skipWords(replies, COMMAND_WORDS, packed.length);
  const reader = new HashReader(packed, without === null ? null : Buffer.from(without));
  for (let at = 0; at < count; at += 1) {
    const hash = reader.hash(replies);
    skipWords(names, COMMAND_WORDS - 1, packed.length);
    const length = names.text();
    if (length < 0) throw unexpectedReply();
    if (hash !== undefined) yield [reader.name(names.at, names.at + length), hash];
    names.skip(length);
  }
  if (replies.at !== packed.length) throw unexpectedReply();
}

/** Skips the header of a command, and this many of its words. */
function skipWords(cursor: RespCursor, count: number, end: number): void {
  const all = cursor.header();
  if (cursor.type !== LIST || all !== COMMAND_WORDS || cursor.at > end) throw unexpectedReply();
  for (let at = 0; at < count; at += 1) {
    const length = cursor.text();
    if (length < 0) throw unexpectedReply();
    cursor.skip(length);
  }
}

/** `}:`, which ends the partition in a key, and `a:`, which an alias begins with. */
const [BRACE, COLON, LETTER_A] = [0x7d, 0x3a, 0x61];

/** Makes texts of hashes. */
class HashReader {
  private readonly bytes: Buffer;
  private readonly without: Uint8Array | null;
  private readonly isPlain: boolean;
  /** Where the texts of the hash begin and end. */
  private places = new Int32Array(64);

  constructor(packed: Uint8Array, without: Uint8Array | null) {
    this.bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    this.without = without;
    this.isPlain = isAscii(packed);
  }

  /** The name in the key between these places: what follows `}:` and the kind. */
  name(from: number, end: number): string {
    const { bytes } = this;
    let at = from;
    while (at < end && !(bytes[at] === BRACE && bytes[at + 1] === COLON)) at += 1;
    return bytes.toString(this.isPlain ? 'latin1' : 'utf8', at + 4, end);
  }

  /** Reads the hash of a reply; undefined = it is not wanted. */
  hash(cursor: RespCursor): WholeHash | undefined {
    const number = cursor.header();
    if (cursor.type === ERROR) return null;
    const texts = cursor.texts(number);
    const from = cursor.at;
    if (texts < 0 || texts % 2 !== 0) throw unexpectedReply();
    if (texts * 2 > this.places.length) this.places = new Int32Array(texts * 4);
    const { places, bytes } = this;
    for (let at = 0; at < texts; at += 1) {
      const length = cursor.text();
      if (length < 0) throw unexpectedReply();
      places[2 * at] = cursor.at;
      places[2 * at + 1] = cursor.at + length;
      cursor.skip(length);
    }
    if (texts === 0) return undefined;
    const first = places[0] ?? 0;
    if (texts === 2 && bytes[first] === LETTER_A && bytes[first + 1] === COLON) return undefined;
    return this.fields(texts, from, cursor.at);
  }

  /** The fields of the hash at `from`, as parts of one text: who keeps one of them keeps only the text of this hash in memory. */
  private fields(texts: number, from: number, end: number): string[] {
    const { places, bytes, without } = this;
    const isPlain = this.isPlain || isAscii(bytes.subarray(from, end));
    const text = isPlain ? bytes.toString('latin1', from, end) : '';
    const fields: string[] = [];
    for (let at = 0; at < 2 * texts; at += 2) {
      const [start, stop] = [places[at] ?? 0, places[at + 1] ?? 0];
      if (without !== null && at % 4 === 0 && this.beginsWith(without, start, stop)) at += 2;
      else if (isPlain) fields.push(text.slice(start - from, stop - from));
      else fields.push(bytes.toString('utf8', start, stop));
    }
    return fields;
  }

  private beginsWith(prefix: Uint8Array, start: number, stop: number): boolean {
    if (stop - start < prefix.length) return false;
    for (let at = 0; at < prefix.length; at += 1) if (this.bytes[start + at] !== prefix[at]) return false;
    return true;
  }
}
