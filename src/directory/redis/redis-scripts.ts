// Owns the Lua scripts of the store's identity, leases, locks, accounts, deliveries and notes; those of records are in record-scripts.ts.
import { createHash } from 'node:crypto';

/** A script and its hash, by which Redis caches it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** It returns one text, to be read as bytes (packed-reply.ts, whole-hashes.ts). */
  readonly packed: boolean;
  /** It uses keys of the partition that it is not called with (RedisKeys.support). */
  readonly usesSupport: boolean;
}

/** `packed`: see {@link Script}. */
export function named(text: string, packed = false): Script {
  const usesSupport = text.includes("partition .. '") || text.includes('foreign(');
  return { text, sha: createHash('sha1').update(text).digest('hex'), packed, usesSupport };
}

/** Prefix of the error when the store is not the one that the caller knows. */
export const STORE_CHANGED = 'STORECHANGED';

/** Prefix of the error when a write carries the fence of an earlier leader. */
export const FENCED = 'FENCED';

/**
 * `base` of a key: what the names of all keys in its partition begin with. All keys of a call are in one slot on a Cluster; on
 * a single server they may be in several partitions. Each partition has a copy of the store's identity, which must be the
 * known one.
 */
export const SAME_STORE = `
local function base(key) return string.sub(key, 1, select(2, string.find(key, '}:', 1, true))) end
local function foreign(partition)
  if redis.pcall('GET', partition .. 'schema') == ARGV[1] then return nil end
  return redis.error_reply('${STORE_CHANGED} the directory is another one by now')
end
`;

/**
 * For keys without records: a key that another program gave another type counts as missing, and is replaced. `text` reads a string,
 * `added` adds an entry to a stream.
 */
export const REMADE = `
local function text(key)
  local found = redis.pcall('GET', key)
  return type(found) == 'string' and found
end
local function added(key, ...)
  local reply = redis.pcall('XADD', key, ...)
  if type(reply) ~= 'table' or not string.find(reply.err or '', 'WRONGTYPE', 1, true) then return reply end
  local removed = redis.pcall('DEL', key)
  if type(removed) == 'table' then return removed end
  return redis.pcall('XADD', key, ...)
end
`;

/** `fenced`: an error if a later leader than the one with this fence writes to a partition; no fence = ''. */
export const UNFENCED = `
local function fenced(partition, fence)
  if fence == '' then return nil end
  local raised = redis.pcall('GET', partition .. 'fence') or '0'
  raised = type(raised) == 'string' and string.match(raised, '^%d+$')
  if raised and tonumber(raised) <= tonumber(fence) then return nil end
  return redis.error_reply('${FENCED} another leader writes by now')
end
`;

/**
 * KEYS: schema, beat, copies of the schema. ARGV: text of the known schema, known beat. Returns schema, beat, why the beat was
 * refused, and 1 if all copies are equal to the schema. It writes only to the known store, so that every gateway notices lost
 * writes (nextBeat).
 */
export const PULSE = named(`
local schema = redis.pcall('GET', KEYS[1])
local stored = redis.pcall('GET', KEYS[2])
if type(schema) ~= 'string' then return { '', '', '', 0 } end
local whole = 1
for index = 3, #KEYS do
  if redis.pcall('GET', KEYS[index]) ~= schema then whole = 0 end
end
if type(stored) ~= 'string' then stored = '' end
local beat, at = string.match(stored, '^(%d+) (%d+)$')
beat, at = tonumber(beat or 0), tonumber(at or 0)
if whole == 0 or schema ~= ARGV[1] or beat < tonumber(ARGV[2]) then return { schema, stored, '', whole } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local elapsed = now - at
local refusal = ''
if elapsed < 0 or elapsed >= 1000 then
  if elapsed < 0 or elapsed > 5000 then elapsed = 1000 end
  local next = string.format('%.0f %.0f', beat + elapsed, now)
  local reply = redis.pcall('SET', KEYS[2], next)
  if reply.err then refusal = reply.err else stored = next end
end
return { schema, stored, refusal, whole }
`);

/**
 * KEYS: schema, then keys to set. ARGV: the expected text of the schema or '', then the text for each key. Returns 0, and writes
 * nothing, when another text is stored.
 */
export const REPLACE_SCHEMA = named(`
local stored = redis.pcall('GET', KEYS[1])
if type(stored) ~= 'string' then stored = '' end
if stored ~= ARGV[1] then return 0 end
for _, key in ipairs(KEYS) do
  if redis.acl_check_cmd and not redis.acl_check_cmd('SET', key, 'v') then
    return redis.error_reply('NOPERM no permission for SET on ' .. key)
  end
end
for index, key in ipairs(KEYS) do redis.call('SET', key, ARGV[index + 1]) end
return 1
`);

/** KEYS: streams. Returns the id of the last entry of each. */
export const ENDS = named(`
local ends = {}
for index, key in ipairs(KEYS) do
  local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
  ends[index] = entry[1] and entry[1][1] or '0-0'
end
return ends
`);

/**
 * KEYS: a stream of a node of a Cluster. ARGV: streams of that node, each with an id. Returns 1 when one of them does not end with its
 * id, else 0. A script without a line `#!lua` may read keys of several slots of its node (Redis: Lua API, allow-cross-slot-keys).
 */
export const ENDS_ELSEWHERE = named(`
for index = 1, #ARGV, 2 do
  local entry = redis.call('XREVRANGE', ARGV[index], '+', '-', 'COUNT', 1)
  if (entry[1] and entry[1][1] or '0-0') ~= ARGV[index + 1] then return 1 end
end
return 0
`);

/** KEYS: a text of a node of a Cluster. ARGV: the expected text, keys of that node. Returns 1 when one of them has another text, else 0. */
export const TEXTS_ELSEWHERE = named(`
for index = 2, #ARGV do
  if redis.pcall('GET', ARGV[index]) ~= ARGV[1] then return 1 end
end
return 0
`);

/**
 * KEYS: streams of one partition. ARGV: text of the known schema. Deletes those keys that are no stream. Returns how many it deleted.
 */
export const MEND_STREAMS = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local mended = 0
for _, key in ipairs(KEYS) do
  local length = redis.pcall('XLEN', key)
  if type(length) == 'table' and string.find(length.err or '', 'WRONGTYPE', 1, true) then
    mended = mended + redis.call('DEL', key)
  end
end
return mended
`);

/**
 * KEYS: lease, count of leaders. ARGV: text of the known schema, token, milliseconds, name of the holder, least fence. Returns the fence; 0 =
 * another one has the lease, whose text is token, fence and name.
 */
export const TAKE_LEASE = named(`${SAME_STORE}${REMADE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local leaders, fence = tonumber(text(KEYS[2]) or 0) or 0
local token, number = string.match(text(KEYS[1]) or '', '^(%S+) (%d+) ')
if token then
  if token ~= ARGV[2] then return 0 end
  fence = tonumber(number)
else
  fence = leaders + 1
end
fence = math.max(fence, tonumber(ARGV[5]))
if fence > leaders then redis.call('SET', KEYS[2], string.format('%.0f', fence)) end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. string.format('%.0f', fence) .. ' ' .. ARGV[4], 'PX', ARGV[3])
return fence
`);

/** KEYS: lock. ARGV: text of the known schema, token, milliseconds, holder. Returns 0, or the holder where another one has it. */
export const TAKE_LOCK = named(`${SAME_STORE}${REMADE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local held = text(KEYS[1])
if held then
  local token, holder = string.match(held, '^(%S+) (.*)$')
  if token ~= ARGV[2] then return holder or '' end
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[4], 'PX', ARGV[3])
return 0
`);

/** KEYS: lease and count of leaders, or lock. ARGV: text of the known schema, token. Returns 1 if it was given back. */
export const RELEASE_LEASE = named(`${REMADE}
local held = text(KEYS[1])
if held and string.match(held, '^(%S+) ') == ARGV[2] then return redis.call('DEL', KEYS[1]) end
return 0
`);

/** KEYS: lease, count of leaders. Returns name and fence of the leader; both missing = nobody leads. */
export const READ_LEASE = named(`${REMADE}
local held = text(KEYS[1])
if not held then return { false, false } end
local fence, name = string.match(held, '^%S+ (%d+) (.*)$')
return { name or false, fence or false }
`);

/** KEYS: accounts. Returns the count of their changes; missing = nothing was ever written. */
export const READ_ACCOUNTS_VERSION = named(`return redis.call('HGET', KEYS[1], 'version')`);

/** KEYS: accounts. Returns names and values in turn. */
export const READ_ACCOUNTS = named(`return redis.call('HGETALL', KEYS[1])`);

/**
 * KEYS: accounts. ARGV: text of the known schema; the version that it must become higher than, in place of all that is there, or ''
 * for a change; number of fields to remove, these fields; fields and values in turn. Returns the version, and how many of the fields to
 * remove were there.
 */
export const CHANGE_ACCOUNTS = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local text = redis.call('HGET', KEYS[1], 'version') or '0'
local version = string.match(text, '^%d+$') and #text <= 15 and tonumber(text) or 0
if ARGV[2] ~= '' then
  redis.call('DEL', KEYS[1])
  version = math.max(version, tonumber(ARGV[2]))
end
local removed = 0
local put = 4 + tonumber(ARGV[3])
for at = 4, put - 1 do removed = removed + redis.call('HDEL', KEYS[1], ARGV[at]) end
for at = put, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version + 1))
return { version + 1, removed }
`);

/** KEYS: accounts. ARGV: text of the known schema, field, value. Writes the field if it is there. */
export const NOTE_ACCOUNT = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
local text = redis.call('HGET', KEYS[1], 'version') or '0'
if string.match(text, '^%d+$') and #text <= 15 then redis.call('HINCRBY', KEYS[1], 'version', 1) end
return 1
`);

/** KEYS: deliveries of a feed. ARGV: text of the known schema, name, end, now, how many are kept, longest memory in milliseconds. */
export const REMEMBER_DELIVERY = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[5]))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
`);

/** KEYS: deliveries of a feed. ARGV: text of the known schema, name, now. Returns 1 if it is remembered. */
export const KNOWN_DELIVERY = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local ends = redis.call('ZSCORE', KEYS[1], ARGV[2])
if ends and tonumber(ends) > tonumber(ARGV[3]) then return 1 end
return 0
`);

/**
 * KEYS: answers to pushes of a feed, their ends. ARGV: text of the known schema, key, answer, end, now, how many are kept, longest
 * memory in milliseconds.
 */
export const REMEMBER_PUSH = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4] .. ' ' .. ARGV[3])
local function drop(names)
  for _, name in ipairs(names) do
    redis.call('ZREM', KEYS[2], name)
    redis.call('HDEL', KEYS[1], name)
  end
end
drop(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[5], 'LIMIT', 0, 100))
drop(redis.call('ZRANGE', KEYS[2], 0, -1 - tonumber(ARGV[6])))
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return 1
`);

/** KEYS: answers to pushes of a feed, their ends. ARGV: text of the known schema, key, now. Returns the answer; 0 = none is remembered. */
export const RECALL_PUSH = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local stored = redis.call('HGET', KEYS[1], ARGV[2])
if not stored then return 0 end
local ends, answer = string.match(stored, '^(%d+) (.*)$')
if not ends or tonumber(ends) <= tonumber(ARGV[3]) then return 0 end
return answer
`);

/** KEYS: notes. ARGV: text of the known schema, how many are kept, note. */
export const ADD_NOTE = named(`${SAME_STORE}${REMADE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
return added(KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'n', ARGV[3])
`);

/** KEYS: notes. ARGV: text of the known schema, how many, the id before them or ''. Returns the time of Redis in milliseconds, and the oldest. */
export const OLDEST_NOTES = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local time = redis.call('TIME')
local first = ARGV[3] == '' and '-' or '(' .. ARGV[3]
return { time[1] * 1000 + math.floor(time[2] / 1000), redis.call('XRANGE', KEYS[1], first, '+', 'COUNT', ARGV[2]) }
`);

/** KEYS: notes. ARGV: text of the known schema, ids. */
export const REMOVE_NOTES = named(`${SAME_STORE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
return redis.call('XDEL', KEYS[1], unpack(ARGV, 2))
`);

/** KEYS: fence of a partition. ARGV: text of the known schema, fence. It never falls. Returns the one before. */
export const RAISE_FENCE = named(`${SAME_STORE}${REMADE}
local refusal = foreign(base(KEYS[1]))
if refusal then return refusal end
local raised = tonumber(string.match(text(KEYS[1]) or '', '^%d+$') or 0)
if raised < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[2]) end
return raised
`);
