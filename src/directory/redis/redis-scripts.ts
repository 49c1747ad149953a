// Owns the Lua scripts: one round trip per read; record and change log together on every write.
import { createHash } from 'node:crypto';

/** A script and its hash, by which Redis caches it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function named(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Prefix of the error when the store is not the one that the caller knows. */
export const STORE_CHANGED = 'STORECHANGED';

/** Start of every script: the last ARGV is the expected value of `schema`; the others are as documented. */
const SAME_STORE = `
local known = table.remove(ARGV)
if redis.pcall('GET', ARGV[1] .. 'schema') ~= known then
  return redis.error_reply('${STORE_CHANGED} the directory is another one by now')
end
`;

/**
 * Redis does not roll back: a script that fails halfway has written half. So a script first declares its writes
 * (`need`), which must have the right type and be permitted, and calls `refusal` before it writes. The change log is
 * appended first: without memory, on a replica, or at the end of the log's ids, Redis refuses the first write. `text`
 * reads a key of any type; another type counts as missing and is overwritten.
 */
const CHECKED_WRITES = `
local refusal
local sample = { SET = { 'v' }, DEL = {}, SADD = { 'v' }, SREM = { 'v' }, XADD = { '*', 'f', 'v' } }
local kinds = { SET = 'any', DEL = 'any', SADD = 'set', SREM = 'set', XADD = 'stream' }
local function need(command, name)
  local key = ARGV[1] .. name
  local found = redis.call('TYPE', key).ok
  if kinds[command] ~= 'any' and found ~= 'none' and found ~= kinds[command] then
    refusal = redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. kinds[command])
  elseif redis.acl_check_cmd and not redis.acl_check_cmd(command, key, unpack(sample[command])) then
    refusal = redis.error_reply('NOPERM no permission for ' .. command .. ' on ' .. key)
  end
end
local function text(name)
  local value = redis.pcall('GET', ARGV[1] .. name)
  if type(value) == 'string' then return value end
end
`;

function reading(text: string): Script {
  return named(SAME_STORE + text);
}

function writing(text: string): Script {
  return named(SAME_STORE + CHECKED_WRITES + text);
}

/**
 * ARGV: prefix, text of the known schema, known beat. Returns schema, beat, and why the beat was refused. It writes
 * only to the known store, so that every gateway notices lost writes (nextBeat).
 */
export const PULSE = named(`
local schema = redis.pcall('GET', ARGV[1] .. 'schema')
local stored = redis.pcall('GET', ARGV[1] .. 'beat')
if type(schema) ~= 'string' then return { '', '', '' } end
if type(stored) ~= 'string' then stored = '' end
local beat, at = string.match(stored, '^(%d+) (%d+)$')
beat, at = tonumber(beat or 0), tonumber(at or 0)
if schema ~= ARGV[2] or beat < tonumber(ARGV[3]) then return { schema, stored, '' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local elapsed = now - at
local refusal = ''
if elapsed < 0 or elapsed >= 1000 then
  if elapsed < 0 or elapsed > 5000 then elapsed = 1000 end
  local next = string.format('%.0f %.0f', beat + elapsed, now)
  local reply = redis.pcall('SET', ARGV[1] .. 'beat', next)
  if reply.err then refusal = reply.err else stored = next end
end
return { schema, stored, refusal }
`);

/** ARGV: prefix, the expected text or '', the new text, its beat. Returns 0 when another text is stored. */
export const REPLACE_SCHEMA = named(`
local stored = redis.pcall('GET', ARGV[1] .. 'schema')
if type(stored) ~= 'string' then stored = '' end
if stored ~= ARGV[2] then return 0 end
redis.call('SET', ARGV[1] .. 'schema', ARGV[3])
redis.call('SET', ARGV[1] .. 'beat', ARGV[4] .. ' 0')
return 1
`);

/**
 * ARGV: prefix, then per look-up: encoded login, encoded user that the groups of domains map it to, device.
 * Returns: last log id, then per look-up: the key whose value is not text or nil, encoded user, device record, partnership,
 * decision on the device, user record or nil, and per decision on a user of the device: encoded name, decision, encoded user
 * that the name stands for, user record or nil. A value that is not text affects only its own look-up.
 */
export const LOOKUP = reading(`
local prefix = ARGV[1]
local failure
local function get(name)
  local value = redis.pcall('GET', prefix .. name)
  if type(value) == 'table' then failure = prefix .. name return false end
  return value
end
local last = redis.call('XREVRANGE', prefix .. 'changes', '+', '-', 'COUNT', 1)
local out = { last[1] and last[1][1] or '0-0' }
for at = 2, #ARGV, 3 do
  failure = false
  local login, grouped, device = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local user = get('alias:' .. login) or (grouped ~= login and get('alias:' .. grouped)) or grouped
  -- It decides nothing: one that is no text is as good as none.
  local partnership = redis.pcall('GET', prefix .. 'partnership:' .. user .. ':' .. device)
  if type(partnership) == 'table' then partnership = false end
  local found = { false, user, get('device:' .. device), partnership, get('decision:' .. device .. ':'), false }
  local names = redis.pcall('SMEMBERS', prefix .. 'index:decisions:' .. device)
  if names.err then failure = prefix .. 'index:decisions:' .. device names = {} end
  -- Also where a decision was written by other means, without the index.
  names[#names + 1] = user
  names[#names + 1] = login
  local seen = {}
  for _, name in ipairs(names) do
    local decision = not seen[name] and get('decision:' .. device .. ':' .. name)
    seen[name] = true
    if decision then
      local target = get('alias:' .. name) or name
      if #found == 6 then found[6] = get('user:' .. user) end
      found[#found + 1] = name
      found[#found + 1] = decision
      found[#found + 1] = target
      found[#found + 1] = get('user:' .. target)
    end
  end
  found[1] = failure
  out[#out + 1] = found
end
return out
`);

/**
 * ARGV: prefix, device, record without its end and `stateSince`, source, version, log length, observedAt. Returns 0 when a
 * newer observation is stored. The rules are those of sameState and sameFacts in model/device.ts. The record's text is
 * stored unchanged, because cjson writes numbers and empty lists differently.
 */
export const PUT_DEVICE = writing(`
need('SET', 'device:' .. ARGV[2])
need('SADD', 'index:devices')
need('XADD', 'changes')
if refusal then return refusal end
local key = ARGV[1] .. 'device:' .. ARGV[2]
local report = cjson.decode(ARGV[3] .. '}')
local function is(value) if value == nil then return cjson.null end return value end
local function list(value)
  if type(value) ~= 'table' or #value == 0 then return '' end
  return cjson.encode(value)
end
local since, news = ARGV[7], true
local stored = text('device:' .. ARGV[2])
if stored then
  local ok, record = pcall(cjson.decode, stored)
  if ok and type(record) == 'table' then
    if record.source == ARGV[4] and tonumber(record.version or 0) > tonumber(ARGV[5]) then return 0 end
    local managed = is(record.managed)
    if managed == report.managed and (managed ~= true or (record.compliant == true) == (report.compliant == true)) then
      local before = record.stateSince or record.observedAt
      if type(before) == 'number' then since = string.format('%.0f', before) end
    end
    news = list(record.unmetRequirements) ~= list(report.unmetRequirements)
    for _, name in ipairs({ 'managed', 'compliant', 'encrypted', 'compromised', 'model' }) do
      if is(record[name]) ~= report[name] then news = true end
    end
  end
end
if news then redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', '') end
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('SET', key, ARGV[3] .. ',"stateSince":' .. since .. '}')
return 1
`);

/** Maintains the set of users with decisions per device: `device`, `user`, and whether there is one. */
const INDEX_DECISION = `
local function index(device, user, exists)
  redis.call('SADD', ARGV[1] .. 'index:devices', device)
  if user ~= '' then redis.call(exists and 'SADD' or 'SREM', ARGV[1] .. 'index:decisions:' .. device, user) end
end
`;

/** ARGV: prefix, device, encoded user or '', record or '', log length. */
export const DECIDE = writing(`${INDEX_DECISION}
need(ARGV[4] == '' and 'DEL' or 'SET', 'decision:' .. ARGV[2] .. ':' .. ARGV[3])
need('SADD', 'index:devices')
need('XADD', 'changes')
if ARGV[3] ~= '' then need(ARGV[4] == '' and 'SREM' or 'SADD', 'index:decisions:' .. ARGV[2]) end
if refusal then return refusal end
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[5], '*', 'd', ARGV[2], 'u', ARGV[3])
index(ARGV[2], ARGV[3], ARGV[4] ~= '')
if ARGV[4] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[4]) end
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the expected text or '', record or '', log length. Returns 0 when another
 * text is stored.
 */
export const REPLACE_DECISION = writing(`${INDEX_DECISION}
need(ARGV[5] == '' and 'DEL' or 'SET', 'decision:' .. ARGV[2] .. ':' .. ARGV[3])
need('SADD', 'index:devices')
need('XADD', 'changes')
if ARGV[3] ~= '' then need(ARGV[5] == '' and 'SREM' or 'SADD', 'index:decisions:' .. ARGV[2]) end
if refusal then return refusal end
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if (text('decision:' .. ARGV[2] .. ':' .. ARGV[3]) or '') ~= ARGV[4] then return 0 end
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', ARGV[3])
index(ARGV[2], ARGV[3], ARGV[5] ~= '')
if ARGV[5] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[5]) end
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the expected text, record. Returns 0 when another text is stored. For
 * changes without effect on verdicts: the log is not appended.
 */
export const AMEND_DECISION = writing(`
local name = 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
need('SET', name)
if refusal then return refusal end
if text(name) ~= ARGV[4] then return 0 end
redis.call('SET', ARGV[1] .. name, ARGV[5])
return 1
`);

/**
 * ARGV: prefix, encoded user, record, log length, encoded aliases… An alias that meanwhile belongs to another user is
 * kept there.
 */
export const PUT_USER = writing(`
local touched = { [ARGV[2]] = true }
local left = {}
local stored = text('user:' .. ARGV[2])
local ok, before = pcall(cjson.decode, stored or '{}')
if ok and type(before) == 'table' and type(before.encodedAliases) == 'table' then
  for _, alias in ipairs(before.encodedAliases) do
    if type(alias) == 'string' then
      if text('alias:' .. alias) == ARGV[2] then left[#left + 1] = alias end
      touched[alias] = true
    end
  end
end
for _, alias in ipairs(left) do need('DEL', 'alias:' .. alias) end
need('SET', 'user:' .. ARGV[2])
need('XADD', 'changes')
for i = 5, #ARGV do
  need('SET', 'alias:' .. ARGV[i])
  touched[ARGV[i]] = true
end
if refusal then return refusal end
for user in pairs(touched) do
  redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[4], '*', 'd', '', 'u', user)
end
for _, alias in ipairs(left) do redis.call('DEL', ARGV[1] .. 'alias:' .. alias) end
for i = 5, #ARGV do redis.call('SET', ARGV[1] .. 'alias:' .. ARGV[i], ARGV[2]) end
redis.call('SET', ARGV[1] .. 'user:' .. ARGV[2], ARGV[3])
return 1
`);

/**
 * ARGV: prefix, maximum number of spellings, then per partnership: encoded login, encoded user that the groups of domains map
 * it to, device, record. The first-seen time and the spellings of a known partnership stay. Returns, for each that was seen under
 * a new spelling: encoded user, device, spellings as JSON.
 */
export const RECORD_SEEN = writing(`
local function joined(before, now)
  local out, has = {}, {}
  for _, list in ipairs({ before, now }) do
    for _, spelling in ipairs(list) do
      if not has[spelling] and #out < tonumber(ARGV[2]) then out[#out + 1] = spelling end
      has[spelling] = true
    end
  end
  return out
end
local added, writes = {}, {}
need('SADD', 'index:partnerships')
for i = 3, #ARGV, 4 do
  local login, grouped, device = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local user = text('alias:' .. login) or text('alias:' .. grouped) or grouped
  local name = 'partnership:' .. user .. ':' .. device
  need('SET', name)
  local record = cjson.decode(ARGV[i + 3])
  local stored = text(name)
  if stored then
    local ok, before = pcall(cjson.decode, stored)
    if ok and type(before) == 'table' then
      if before.firstSeen then record.firstSeen = before.firstSeen end
      for _, name in ipairs({ 'model', 'os', 'imei' }) do
        if record[name] == cjson.null and before[name] then record[name] = before[name] end
      end
      local spellings = type(before.spellings) == 'table' and before.spellings or { device }
      record.spellings = joined(spellings, record.spellings)
      if #record.spellings > #spellings then
        added[#added + 1] = user
        added[#added + 1] = device
        added[#added + 1] = cjson.encode(record.spellings)
      end
    end
  end
  writes[#writes + 1] = { name, cjson.encode(record), user .. ':' .. device }
end
if refusal then return refusal end
for _, write in ipairs(writes) do
  redis.call('SADD', ARGV[1] .. 'index:partnerships', write[3])
  redis.call('SET', ARGV[1] .. write[1], write[2])
end
return added
`);

/**
 * ARGV: prefix, number of keys, then per key: name, expected text or '', new text or '' = none; then number of set members, per
 * member: set, 'SADD' or 'SREM', member; then log length, changed devices…
 * Returns 0, and writes nothing, when another text is stored somewhere.
 */
export const REWRITE = writing(`
local at, keys = 3, tonumber(ARGV[2])
for i = at, at + 3 * keys - 1, 3 do
  if (text(ARGV[i]) or '') ~= ARGV[i + 1] then return 0 end
  need(ARGV[i + 2] == '' and 'DEL' or 'SET', ARGV[i])
end
local first = at + 3 * keys
local members = tonumber(ARGV[first])
for i = first + 1, first + 3 * members, 3 do need(ARGV[i + 1], ARGV[i]) end
local last = first + 1 + 3 * members
if #ARGV > last then need('XADD', 'changes') end
if refusal then return refusal end
for i = last + 1, #ARGV do
  redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[last], '*', 'd', ARGV[i], 'u', '')
end
for i = at, first - 1, 3 do
  if ARGV[i + 2] == '' then redis.call('DEL', ARGV[1] .. ARGV[i]) else redis.call('SET', ARGV[1] .. ARGV[i], ARGV[i + 2]) end
end
for i = first + 1, first + 3 * members, 3 do redis.call(ARGV[i + 1], ARGV[1] .. ARGV[i], ARGV[i + 2]) end
return 1
`);
