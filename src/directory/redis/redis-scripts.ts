// Owns the Lua scripts: one reads hashes, one writes them and the change log together, two keep the store's identity.
import { createHash } from 'node:crypto';

/** A script and its hash, by which Redis caches it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** It returns one text, to be read as bytes (packed-reply.ts). */
  readonly packed: boolean;
}

function named(text: string, packed = false): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex'), packed };
}

/** Prefix of the error when the store is not the one that the caller knows. */
export const STORE_CHANGED = 'STORECHANGED';

/**
 * `base` of a key: what the names of all keys in its partition begin with. All keys of a call are in one slot on a Cluster; on
 * a single server they may be in several partitions. Each partition has a copy of the store's identity, which must be the
 * known one.
 */
const SAME_STORE = `
local function base(key) return string.sub(key, 1, select(2, string.find(key, '}:', 1, true))) end
local function foreign(partition)
  if redis.pcall('GET', partition .. 'schema') == ARGV[1] then return nil end
  return redis.error_reply('${STORE_CHANGED} the directory is another one by now')
end
`;

/**
 * KEYS: hashes. ARGV: text of the known schema, then per key: number of fields, fields; 0 = all.
 * Returns one text: a line of numbers, then the values they measure, in bytes. Per key: length of the id of the last entry in
 * the log of its partition, number of values, length of each value (of all fields: names and values in turn); -1 = no such
 * field; number -1 = the key is no hash.
 */
export const READ = named(
  `${SAME_STORE}
local sizes, values, ends = {}, {}, {}
local function put(value)
  if not value then sizes[#sizes + 1] = -1 return end
  sizes[#sizes + 1] = #value
  values[#values + 1] = value
end
local at = 2
for _, key in ipairs(KEYS) do
  local partition = base(key)
  local last = ends[partition]
  if not last then
    local refusal = foreign(partition)
    if refusal then return refusal end
    local entry = redis.call('XREVRANGE', partition .. 'changes', '+', '-', 'COUNT', 1)
    last = entry[1] and entry[1][1] or '0-0'
    ends[partition] = last
  end
  put(last)
  local count = tonumber(ARGV[at])
  local found
  if count == 0 then found = redis.pcall('HGETALL', key)
  else found = redis.pcall('HMGET', key, unpack(ARGV, at + 1, at + count)) end
  at = at + count + 1
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
    sizes[#sizes + 1] = -1
  else
    sizes[#sizes + 1] = #found
    for index = 1, #found do put(found[index]) end
  end
end
return table.concat(sizes, ' ') .. '\\n' .. table.concat(values)
`,
  true,
);

/**
 * KEYS: hashes of one partition. ARGV: text of the known schema, length of the log, field of the log ('d' or 'u'), one user for
 * the field 'u' beside 'd' or '', then per key: what the log says of it ('' = no news), number of fields, per field: name,
 * expected text, new text; '' = none.
 * A key is written only if all of its fields are as expected; the others are written all the same. One entry of the log names
 * all that were. Returns the numbers of the keys that were not written.
 * Redis does not roll back: a script that fails halfway has written half. So types and permissions are checked first; and the
 * log comes first, since without memory, on a replica or at the end of the log's ids Redis refuses the first write. A key of
 * another type counts as empty, and is overwritten.
 */
export const COMMIT = named(`${SAME_STORE}
local partition = base(KEYS[1])
local refusal = foreign(partition)
if refusal then return refusal end
local function need(command, key, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...) then
    refusal = redis.error_reply('NOPERM no permission for ' .. command .. ' on ' .. key)
  end
end
local news, failed, writes = {}, {}, {}
local at = 5
for index, key in ipairs(KEYS) do
  local count, first = tonumber(ARGV[at + 1]), at + 2
  local names, put, dropped = {}, {}, {}
  for field = 1, count do names[field] = ARGV[first + field * 3 - 3] end
  local stored = redis.pcall('HMGET', key, unpack(names))
  local other = stored.err ~= nil
  if other then
    if not string.find(stored.err, 'WRONGTYPE', 1, true) then return stored end
    stored = {}
    need('DEL', key)
  end
  local same = true
  for field = 1, count do
    local expected, new = ARGV[first + field * 3 - 2], ARGV[first + field * 3 - 1]
    if (stored[field] or '') ~= expected then same = false end
    if new == '' then
      if expected ~= '' then dropped[#dropped + 1] = names[field] end
    elseif new ~= expected then
      put[#put + 1] = names[field]
      put[#put + 1] = new
    end
  end
  if same then
    if #put > 0 then need('HSET', key, 'f', 'v') end
    if #dropped > 0 then need('HDEL', key, 'f') end
    if ARGV[at] ~= '' then news[#news + 1] = ARGV[at] end
    writes[#writes + 1] = { key, put, dropped, other }
  else
    failed[#failed + 1] = index
  end
  at = first + count * 3
end
if #news > 0 then need('XADD', partition .. 'changes', '*', 'f', 'v') end
if refusal then return refusal end
if #news > 0 then
  local entry = { 'XADD', partition .. 'changes', 'MAXLEN', '~', ARGV[2], '*', ARGV[3], table.concat(news, ' ') }
  if ARGV[4] ~= '' then
    entry[#entry + 1] = 'u'
    entry[#entry + 1] = ARGV[4]
  end
  local reply = redis.pcall(unpack(entry))
  if type(reply) == 'table' and reply.err then return reply end
end
for _, write in ipairs(writes) do
  if write[4] then redis.call('DEL', write[1]) end
  if #write[2] > 0 then redis.call('HSET', write[1], unpack(write[2])) end
  if #write[3] > 0 then redis.call('HDEL', write[1], unpack(write[3])) end
end
return failed
`);

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
