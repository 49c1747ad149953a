// Owns the commands of a walk over a single server, as bytes: SCAN, HGETALL for the keys that it returns, and GET for the identity of their
// partitions. No text is made of a key.
import { PARTITIONS } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { LIST, RespCursor, unexpectedReply } from './resp-cursor.ts';

/** HGETALL for some keys. */
export interface HashCommands {
  /** A line with the number of the commands, `*12`, which is not sent, and then the commands. */
  readonly list: Uint8Array<ArrayBuffer>;
  /** Bytes of that first line. */
  readonly header: number;
  /** How many keys, and so commands, there are. */
  readonly hashes: number;
  /** The beginnings of the keys up to `}:`, which name their partitions; each once. */
  readonly bases: readonly string[];
}

/** What one SCAN found. */
interface KeyPage {
  /** Where the next one begins; `0` = there is none. */
  readonly cursor: string;
  readonly users: HashCommands;
  readonly devices: HashCommands;
}

const HGETALL = Buffer.from('*2\r\n$7\r\nHGETALL\r\n');
/** `}:` ends the partition in a key; a kind follows. */
const [DIGIT_0, COLON, USERS, DEVICES, BRACE] = [0x30, 0x3a, 0x75, 0x64, 0x7d];

/** A command as Redis reads it. */
export function command(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}

/** Reads the replies to SCAN for keys of devices and users, one after the other. */
export class PageReader {
  private readonly users: CommandWriter;
  private readonly devices: CommandWriter;
  /** Bytes before the number of the partition in a key. */
  private readonly before: number;

  constructor(keys: RedisKeys) {
    this.users = new CommandWriter(keys);
    this.devices = new CommandWriter(keys);
    this.before = Buffer.byteLength(keys.prefix) + 1;
  }

  read(reply: Uint8Array): KeyPage {
    const { users, devices } = this;
    const at = new RespCursor(reply);
    const isPage = at.header() === 2 && at.type === LIST;
    const length = at.text();
    const next = at.at;
    at.skip(length);
    const count = at.header();
    if (!isPage || length < 1 || at.type !== LIST || count < 0) throw unexpectedReply();
    users.begin(reply, count);
    devices.begin(reply, count);
    for (let key = 0; key < count; key += 1) this.addKey(at);
    return {
      cursor: Buffer.from(reply.buffer, reply.byteOffset + next, length).toString('latin1'),
      users: users.commands(),
      devices: devices.commands(),
    };
  }

  private addKey(at: RespCursor): void {
    const { bytes } = at;
    const from = at.at;
    const length = at.text();
    if (length < 0) throw unexpectedReply();
    const first = at.at;
    at.skip(length);
    const partition = partitionAt(bytes, first + this.before);
    const base = baseEnd(bytes, partition === OTHER ? first : first + this.before, first + length);
    if (bytes[base + 1] !== COLON) return;
    const kind = bytes[base];
    if (kind !== USERS && kind !== DEVICES) return;
    const writer = kind === USERS ? this.users : this.devices;
    writer.add(from, at.at);
    if (partition === OTHER) writer.noteBase(first, base);
    else writer.notePartition(partition);
  }
}

const OTHER = -1;

/** The partition whose number is at `from`, followed by `}:`; {@link OTHER} = none of this store's. */
function partitionAt(bytes: Uint8Array, from: number): number {
  const first = (bytes[from] ?? 0) - DIGIT_0;
  const second = (bytes[from + 1] ?? 0) - DIGIT_0;
  const isOne = bytes[from + 1] === BRACE && bytes[from + 2] === COLON;
  const isTwo = bytes[from + 2] === BRACE && bytes[from + 3] === COLON && second >= 0 && second <= 9;
  const number = isOne ? first : isTwo && first > 0 ? first * 10 + second : OTHER;
  return first >= 0 && first <= 9 && number < PARTITIONS.length ? number : OTHER;
}

/** The place behind the first `}:`; `end` = there is none. */
function baseEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at + 2 < end; at += 1)
    if (bytes[at] === BRACE && bytes[at + 1] === COLON) return at + 2;
  return end;
}

/** Writes HGETALL for keys in a reply. */
class CommandWriter {
  private readonly keys: RedisKeys;
  private reply: Uint8Array = new Uint8Array();
  private bytes = new Uint8Array();
  private size = 0;
  private hashes = 0;
  /** A bit for each partition. */
  private partitions = 0;
  private readonly others = new Set<string>();

  constructor(keys: RedisKeys) {
    this.keys = keys;
  }

  /** Begins with the keys of the next reply, `keys` of them at most. */
  begin(reply: Uint8Array, keys: number): void {
    const needed = reply.length + keys * HGETALL.length;
    if (this.bytes.length < needed) this.bytes = new Uint8Array(2 * needed);
    this.reply = reply;
    this.size = 0;
    this.hashes = 0;
    this.partitions = 0;
    this.others.clear();
  }

  /** Adds the command for a key; `from`, `end`: where the key is, with its header and its line end. */
  add(from: number, end: number): void {
    const { bytes, reply } = this;
    let { size } = this;
    for (let at = 0; at < HGETALL.length; at += 1) bytes[size++] = HGETALL[at] ?? 0;
    for (let at = from; at < end; at += 1) bytes[size++] = reply[at] ?? 0;
    this.size = size;
    this.hashes += 1;
  }

  notePartition(partition: number): void {
    this.partitions |= 1 << partition;
  }

  /** For a key that another tool wrote into a partition which the store does not have. */
  noteBase(from: number, end: number): void {
    this.others.add(Buffer.from(this.reply.subarray(from, end)).toString());
  }

  /** In memory of their own: they are kept. */
  commands(): HashCommands {
    const used = PARTITIONS.filter((partition) => (this.partitions & (1 << partition)) !== 0);
    const header = Buffer.from(`*${this.hashes}\r\n`);
    const list = new Uint8Array(header.length + this.size);
    list.set(header);
    list.set(this.bytes.subarray(0, this.size), header.length);
    return {
      list,
      header: header.length,
      hashes: this.hashes,
      bases: [...used.map((partition) => this.keys.base(partition)), ...this.others],
    };
  }
}

/** GET for the copies of the identity in these partitions, and what Redis replies if all are `known`. */
export function identityCheck(
  bases: readonly string[],
  known: string,
): { readonly commands: Buffer; readonly replies: Buffer } {
  const reply = Buffer.from(`$${Buffer.byteLength(known)}\r\n${known}\r\n`);
  return {
    commands: Buffer.concat(bases.map((base) => command('GET', `${base}schema`))),
    replies: Buffer.concat(bases.map(() => reply)),
  };
}
