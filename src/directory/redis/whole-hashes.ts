// Owns reading whole hashes for walks over the directory: many by one script, in a form that costs Redis and the reader little.
import { SAME_STORE, named } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Names and values of the fields in turn; null = the key is no hash. */
export type WholeHash = readonly string[] | null;

/**
 * KEYS: hashes; on a Cluster behind them other keys of their partition. ARGV: text of the known schema, number of the hashes. Returns
 * one text, in MessagePack: a list with a list of names and values in turn for each hash; false = the key is no hash. Of a hash that has
 * one alias and nothing else the list is empty: two thirds of the users' hashes may be such, and a walk has no use for them.
 */
export const READ_WHOLE = named(
  `${SAME_STORE}
local hashes = {}
local partition = ''
for at = 1, tonumber(ARGV[2]) do
  local key = KEYS[at]
  if at == 1 or string.sub(key, 1, #partition) ~= partition then
    partition = base(key)
    local refusal = foreign(partition)
    if refusal then return refusal end
  end
  local hash = redis.pcall('HGETALL', key)
  if hash.err then
    if not string.find(hash.err, 'WRONGTYPE', 1, true) then return hash end
    hash = false
  elseif #hash == 2 and string.sub(hash[1], 1, 2) == 'a:' then
    hash = {}
  end
  hashes[at] = hash
end
return cmsgpack.pack(hashes)
`,
  true,
);

/** Runs a script on the known store. `values` follow the text of its schema. */
export type RunScript = (
  script: Script,
  keys: readonly string[],
  values: readonly string[],
) => Promise<unknown>;

/** The reply of {@link READ_WHOLE} for hashes, on a Cluster of one partition. */
export async function readWhole(run: RunScript, keys: readonly string[]): Promise<Buffer> {
  const reply = await run(READ_WHOLE, keys, [String(keys.length)]);
  if (!(reply instanceof Buffer)) throw unexpected();
  return reply;
}

/** Bytes that values begin with (MessagePack specification, formats). */
const FALSE = 0xc2;
const [SHORT_LIST, SHORT_LIST_END, LIST_16, LIST_32] = [0x90, 0x9f, 0xdc, 0xdd];
const [SHORT_TEXT, SHORT_TEXT_END, TEXT_8, TEXT_16, TEXT_32] = [0xa0, 0xbf, 0xd9, 0xda, 0xdb];

/**
 * The hashes in a reply of {@link READ_WHOLE}, in the order of the keys. `without`: fields whose names begin so are left out; null =
 * none.
 */
export function unpackWhole(reply: Uint8Array, without: string | null = null): WholeHash[] {
  const reader = new Reader(Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength));
  const hashes: WholeHash[] = [];
  for (let left = reader.list(); left > 0; left -= 1) {
    if (reader.isFalse()) {
      hashes.push(null);
      continue;
    }
    const fields: string[] = [];
    for (let values = reader.list(); values > 1; values -= 2) {
      const name = reader.text();
      if (without !== null && name.startsWith(without)) reader.skip();
      else fields.push(name, reader.text());
    }
    hashes.push(fields);
  }
  return hashes;
}

/** Reads one value after the other. */
class Reader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Whether the next value is `false`, which is then read. */
  isFalse(): boolean {
    if (this.bytes[this.at] !== FALSE) return false;
    this.at += 1;
    return true;
  }

  /** The length of a list that begins here. */
  list(): number {
    const first = this.number(1);
    if (first >= SHORT_LIST && first <= SHORT_LIST_END) return first - SHORT_LIST;
    if (first === LIST_16) return this.number(2);
    if (first === LIST_32) return this.number(4);
    throw unexpected();
  }

  text(): string {
    const start = this.textStart();
    return this.bytes.toString('utf8', start, this.at);
  }

  /** Leaves out a text. */
  skip(): void {
    this.textStart();
  }

  /** Goes behind a text, and returns where it begins. */
  private textStart(): number {
    const length = this.textLength();
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw unexpected();
    return start;
  }

  private textLength(): number {
    const first = this.number(1);
    if (first >= SHORT_TEXT && first <= SHORT_TEXT_END) return first - SHORT_TEXT;
    if (first === TEXT_8) return this.number(1);
    if (first === TEXT_16) return this.number(2);
    if (first === TEXT_32) return this.number(4);
    throw unexpected();
  }

  /** Big endian. */
  private number(bytes: number): number {
    let value = 0;
    for (let left = bytes; left > 0; left -= 1) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw unexpected();
      value = value * 256 + byte;
    }
    return value;
  }
}

function unexpected(): Error {
  return new Error('Redis answered a read with something else');
}
