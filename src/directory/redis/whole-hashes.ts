// Owns reading whole hashes for walks over the directory: many by one script, in a form that costs Redis and the reader little.
import { SAME_STORE, named } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';
import { isPacked, unpackNamedHashes } from './hash-replies.ts';
import type { NamedHash, WholeHash } from './hash-replies.ts';
import { unexpectedReply } from './resp-cursor.ts';

/**
 * KEYS: hashes, on a Cluster followed by other keys of their partition. ARGV: text of the known schema, number of the hashes. Returns one text, in
 * JSON: a list of the name and the hash of each key in turn. A hash is a list of field names and values in turn; false = the key is no hash. Keys
 * that do not exist are left out, and hashes that have only one alias: up to two thirds of the users' hashes are such, and a walk does not need
 * them. An alias that may be malformed is returned: it makes phones wait, so the search for malformed records must find it.
 */
export const READ_WHOLE = named(
  `${SAME_STORE}
local function well_formed(own, name, target)
  if not (name == 'a:~' or string.find(name, '^a:~@[%w.-]+$') or string.find(name, '^a:[%w._-]+\\\\~$')) then return false end
  local part = string.match(target, '^([%w._-]+)@[%w.-]+$') or string.match(target, '^[%w._-]+\\\\([%w._-]+)$')
    or string.match(target, '^[%w._-]+$')
  return part ~= nil and string.lower(part) ~= own
end
local known, found, size = {}, {}, 0
for index = 1, tonumber(ARGV[2]) do
  local key = KEYS[index]
  local at = select(2, string.find(key, '}:', 1, true)) + 1
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
  if not hash or #hash > 2 or #hash == 2 and not well_formed(name, hash[1], hash[2]) then
    found[size + 1], found[size + 2], size = name, hash, size + 2
  end
end
-- cjson writes an empty table as an object, not as a list.
return size == 0 and '[]' or cjson.encode(found)
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

function bytes(reply: unknown): Buffer {
  if (!(reply instanceof Buffer)) throw unexpectedReply();
  return reply;
}

/**
 * The hashes in a reply of {@link READ_WHOLE}, or as a single server sends them. `without`: fields whose names begin so are left out; null = none.
 */
export function* unpackWhole(reply: Uint8Array, without: string | null = null): Generator<NamedHash> {
  if (isPacked(reply)) {
    yield* unpackNamedHashes(reply, without);
    return;
  }
  const text = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString();
  const list = parsed(text);
  if (!Array.isArray(list)) throw unexpectedReply();
  for (let at = 0; at < list.length; at += 2) {
    const name: unknown = list[at];
    if (typeof name !== 'string') throw unexpectedReply();
    yield [name, hashIn(list[at + 1], without)];
  }
}

function hashIn(hash: unknown, without: string | null): WholeHash {
  if (hash === false) return null;
  if (!Array.isArray(hash)) throw unexpectedReply();
  const fields = hash as readonly string[];
  return without === null ? fields : withoutFields(fields, without);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpectedReply();
  }
}

function withoutFields(fields: readonly string[], without: string): readonly string[] {
  return fields.filter((_, at) => !(fields[at - (at % 2)] ?? '').startsWith(without));
}
