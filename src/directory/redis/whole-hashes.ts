// Owns reading whole hashes for walks over the directory: many by one script, in a form that costs Redis and the reader little.
import { SAME_STORE, named } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Names and values of the fields in turn; null = the key is no hash. */
export type WholeHash = readonly string[] | null;

/** A hash, and the name in its key, as it stands there. */
export type NamedHash = readonly [name: string, hash: WholeHash];

/**
 * `add` appends the name and the hash of a key to `found`. A hash is a list of field names and values in turn; false = the key is no hash. It
 * returns an error if the identity of the partition is not the known one, else nil. It leaves out a hash that has only one alias: up to two thirds of the users' hashes are such, and a walk does not
 * need them. An alias that may be malformed is returned: it makes phones wait, so the search for malformed records must find it.
 */
const READ = `${SAME_STORE}
local function well_formed(own, name, target)
  if not (name == 'a:~' or string.find(name, '^a:~@[%w.-]+$') or string.find(name, '^a:[%w._-]+\\\\~$')) then return false end
  local part = string.match(target, '^([%w._-]+)@[%w.-]+$') or string.match(target, '^[%w._-]+\\\\([%w._-]+)$')
    or string.match(target, '^[%w._-]+$')
  return part ~= nil and string.lower(part) ~= own
end
local known, found, size = {}, {}, 0
local function kind_at(key) return select(2, string.find(key, '}:', 1, true)) + 1 end
local function add(key)
  local at = kind_at(key)
  local partition = string.sub(key, 1, at - 1)
  if not known[partition] then
    local refusal = foreign(partition)
    if refusal then return refusal end
    known[partition] = true
  end
  local hash = redis.pcall('HGETALL', key)
  if hash.err then
    if not string.find(hash.err, 'WRONGTYPE', 1, true) then return hash end
    hash = false
  end
  local name = string.sub(key, at + 2)
  if hash and (#hash == 0 or #hash == 2 and well_formed(name, hash[1], hash[2])) then return nil end
  found[size + 1], found[size + 2], size = name, hash, size + 2
end
`;

/** cjson writes an empty Lua table as an object, not as a list. */
const FOUND = `(size == 0 and '[]' or cjson.encode(found))`;

/**
 * KEYS: hashes, on a Cluster followed by other keys of their partition; or none. ARGV: text of the known schema, number of the hashes, and
 * without KEYS the keys of the hashes as a JSON list. Returns one text, in JSON: a list of the name and the hash of each key in turn. Keys that
 * do not exist are left out.
 */
export const READ_WHOLE = named(
  `${READ}
local keys = ARGV[3] and cjson.decode(ARGV[3]) or KEYS
for at = 1, ARGV[3] and #keys or tonumber(ARGV[2]) do
  local refusal = add(keys[at])
  if refusal then return refusal end
end
return ${FOUND}
`,
  true,
);

/**
 * No KEYS. ARGV: text of the known schema, cursor of SCAN, its pattern, its COUNT. Returns three lines: the next cursor; the keys of
 * devices, in JSON; and hashes of users, like {@link READ_WHOLE}. Not for a Cluster, which needs all keys in KEYS.
 */
export const READ_PAGE = named(
  `${READ}
local page = redis.pcall('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
if page.err then return page end
local devices = {}
for _, key in ipairs(page[2]) do
  local kind = string.sub(key, kind_at(key), kind_at(key) + 1)
  if kind == 'u:' then
    local refusal = add(key)
    if refusal then return refusal end
  elseif kind == 'd:' then
    devices[#devices + 1] = key
  end
end
return page[1] .. '\\n' .. (#devices == 0 and '[]' or cjson.encode(devices)) .. '\\n' .. ${FOUND}
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
  return bytes(await run(READ_WHOLE, keys, [String(keys.length)]));
}

/** Like {@link readWhole}, for the keys of devices in a {@link Page}. */
export async function readListed(run: RunScript, keys: Buffer): Promise<Buffer> {
  return bytes(await run(READ_WHOLE, [], ['', keys.toString()]));
}

/** What one call of {@link READ_PAGE} returns. */
export interface Page {
  readonly cursor: string;
  /** Keys of devices, in JSON. */
  readonly devices: Buffer;
  /** Users, in the form of a reply of {@link readWhole}. */
  readonly users: Buffer;
}

/** Reads one page of a walk over all keys. `count`: about how many keys it covers. */
export async function readPage(
  run: RunScript,
  cursor: string,
  pattern: string,
  count: number,
): Promise<Page> {
  const reply = bytes(await run(READ_PAGE, [], [cursor, pattern, String(count)]));
  const first = reply.indexOf(LINE_END);
  const second = reply.indexOf(LINE_END, first + 1);
  if (first === -1 || second === -1) throw unexpected();
  return {
    cursor: reply.toString('latin1', 0, first),
    // A copy: it is kept until all users are read, and must not keep the rest of the reply in memory.
    devices: Buffer.from(reply.subarray(first + 1, second)),
    users: reply.subarray(second + 1),
  };
}

const LINE_END = 0x0a;

function bytes(reply: unknown): Buffer {
  if (!(reply instanceof Buffer)) throw unexpected();
  return reply;
}

/**
 * The hashes in a reply of {@link READ_WHOLE}. `without`: fields whose names begin so are left out; null = none.
 */
export function* unpackWhole(reply: Uint8Array, without: string | null = null): Generator<NamedHash> {
  const text = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString();
  const list = parsed(text);
  if (!Array.isArray(list)) throw unexpected();
  for (let at = 0; at < list.length; at += 2) {
    const name: unknown = list[at];
    if (typeof name !== 'string') throw unexpected();
    yield [name, hashIn(list[at + 1], without)];
  }
}

function hashIn(hash: unknown, without: string | null): WholeHash {
  if (hash === false) return null;
  if (!Array.isArray(hash)) throw unexpected();
  const fields = hash as readonly string[];
  return without === null ? fields : withoutFields(fields, without);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected();
  }
}

function withoutFields(fields: readonly string[], without: string): readonly string[] {
  return fields.filter((_, at) => !(fields[at - (at % 2)] ?? '').startsWith(without));
}

function unexpected(): Error {
  return new Error('Redis answered a read with something else');
}
