// Owns reading whole hashes for walks over the directory: many by one script, in a form that costs Redis and the reader little.
import { SAME_STORE, named } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Names and values of the fields in turn; null = the key is no hash. */
export type WholeHash = readonly string[] | null;

/**
 * KEYS: hashes; on a Cluster behind them other keys of their partition. ARGV: text of the known schema, number of the hashes. Returns
 * one text, in JSON: a list with a list of names and values in turn for each hash; false = the key is no hash. The list of a hash
 * that has only one alias is empty: up to two thirds of the users' hashes are such, and a walk does not need them. An alias that may be
 * malformed is returned: it makes phones wait, so the search for malformed records must find it.
 */
export const READ_WHOLE = named(
  `${SAME_STORE}
local function well_formed(key, name, target)
  if not (name == 'a:~' or string.find(name, '^a:~@[%w.-]+$') or string.find(name, '^a:[%w._-]+\\\\~$')) then return false end
  local part = string.match(target, '^([%w._-]+)@[%w.-]+$') or string.match(target, '^[%w._-]+\\\\([%w._-]+)$')
    or string.match(target, '^[%w._-]+$')
  return part ~= nil and string.lower(part) ~= string.match(key, '}:u:(.*)$')
end
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
  elseif #hash == 2 and well_formed(key, hash[1], hash[2]) then
    hash = {}
  end
  hashes[at] = hash
end
return cjson.encode(hashes)
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

/**
 * The hashes in a reply of {@link READ_WHOLE}, in the order of the keys. `without`: fields whose names begin so are left out; null =
 * none.
 */
export function unpackWhole(reply: Uint8Array, without: string | null = null): WholeHash[] {
  const text = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString();
  const hashes = parsed(text);
  if (!Array.isArray(hashes)) throw unexpected();
  return hashes.map((hash: unknown) => {
    if (hash === false) return null;
    const fields = Array.isArray(hash) ? (hash as readonly string[]) : NO_FIELDS;
    return without === null ? fields : withoutFields(fields, without);
  });
}

/** cjson writes an empty Lua table as an object: `{}`. */
const NO_FIELDS: readonly string[] = [];

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
