// Owns the Lua scripts: one round trip per read, record and change log together on every write.
import { createHash } from 'node:crypto';

/** A script, and the name under which Redis keeps it once it has run. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function named(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Begins the error of a script that found another store than the caller knows. */
export const STORE_CHANGED = 'STORECHANGED';

/** Every script begins with it: the last of ARGV is what `schema` must be. Then the others stand as documented. */
const SAME_STORE = `
local known = table.remove(ARGV)
if redis.pcall('GET', ARGV[1] .. 'schema') ~= known then
  return redis.error_reply('${STORE_CHANGED} the directory is another one by now')
end
`;

/**
 * Redis undoes nothing: a script that fails half-way has written half. So a script names first what it will write
 * (`need`), which must be of the right type and allowed to this account, and ends with `refusal` before it writes. Then it
 * appends to the change log before anything else: for want of memory, on a replica, or at the end of the log's ids, Redis
 * refuses the first write. `text` reads a key that may hold something else: that counts as nothing, and is overwritten.
 */
const CHECKED_WRITES = `
local refusal
local sample = { SET = { 'v' }, DEL = {}, SADD = { 'v' }, XADD = { '*', 'f', 'v' } }
local kinds = { SET = 'any', DEL = 'any', SADD = 'set', XADD = 'stream' }
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
 * ARGV: prefix, text of the known schema, known beat. Returns schema, beat, and why the beat was not taken. It is written
 * only over the store that the caller knows, so that a store that lost writes is seen by every gateway (nextBeat).
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

/** ARGV: prefix, the text that must be stored or '', the new text, its beat. Returns 0 when another one is stored. */
export const REPLACE_SCHEMA = named(`
local stored = redis.pcall('GET', ARGV[1] .. 'schema')
if type(stored) ~= 'string' then stored = '' end
if stored ~= ARGV[2] then return 0 end
redis.call('SET', ARGV[1] .. 'schema', ARGV[3])
redis.call('SET', ARGV[1] .. 'beat', ARGV[4] .. ' 0')
return 1
`);

/**
 * ARGV: prefix, then per look-up: encoded user, number of spellings, device spellings…
 * Returns: last log id, then per look-up: which key is no text or nil, encoded canonical user, device record, partnership,
 * and per spelling device decision and partnership decision. What is no text concerns its own look-up only.
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
local at = 2
while at < #ARGV do
  failure = false
  local user = get('alias:' .. ARGV[at]) or ARGV[at]
  local first, behind = at + 2, at + 2 + ARGV[at + 1]
  -- It decides nothing: one that is no text is as good as none.
  local partnership = redis.pcall('GET', prefix .. 'partnership:' .. user .. ':' .. ARGV[first])
  if type(partnership) == 'table' then partnership = false end
  local found = { false, user, get('device:' .. ARGV[first]), partnership }
  for i = first, behind - 1 do
    found[#found + 1] = get('decision:' .. ARGV[i] .. ':')
    found[#found + 1] = get('decision:' .. ARGV[i] .. ':' .. user)
  end
  found[1] = failure
  out[#out + 1] = found
  at = behind
end
return out
`);

/**
 * ARGV: prefix, device, record without its end and `stateSince`, source, version, log length, observedAt. Returns 0 when a
 * newer observation is stored. The rules are those of sameState and sameFacts in records.ts; the record's text is kept as
 * it came, for cjson writes numbers and empty lists otherwise.
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

/** ARGV: prefix, device, encoded user or '', record or '', log length. */
export const DECIDE = writing(`
need(ARGV[4] == '' and 'DEL' or 'SET', 'decision:' .. ARGV[2] .. ':' .. ARGV[3])
need('SADD', 'index:devices')
need('XADD', 'changes')
if refusal then return refusal end
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[5], '*', 'd', ARGV[2], 'u', ARGV[3])
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
if ARGV[4] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[4]) end
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the text that must be stored or '', record or '', log length.
 * Returns 0 when another text is stored.
 */
export const REPLACE_DECISION = writing(`
need(ARGV[5] == '' and 'DEL' or 'SET', 'decision:' .. ARGV[2] .. ':' .. ARGV[3])
need('SADD', 'index:devices')
need('XADD', 'changes')
if refusal then return refusal end
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if (text('decision:' .. ARGV[2] .. ':' .. ARGV[3]) or '') ~= ARGV[4] then return 0 end
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', ARGV[3])
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
if ARGV[5] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[5]) end
return 1
`);

/** ARGV: prefix, encoded user, record, log length, encoded aliases… A name that went to another user since stays there. */
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

/** ARGV: prefix, then triples: encoded user, device, record. The first-seen time of a known partnership stays. */
export const RECORD_SEEN = writing(`
local writes = {}
need('SADD', 'index:partnerships')
for i = 2, #ARGV, 3 do
  local user = text('alias:' .. ARGV[i]) or ARGV[i]
  local name = 'partnership:' .. user .. ':' .. ARGV[i + 1]
  need('SET', name)
  local record = cjson.decode(ARGV[i + 2])
  local stored = text(name)
  if stored then
    local ok, before = pcall(cjson.decode, stored)
    if ok and type(before) == 'table' then
      if before.firstSeen then record.firstSeen = before.firstSeen end
      for _, name in ipairs({ 'model', 'os', 'imei' }) do
        if record[name] == cjson.null and before[name] then record[name] = before[name] end
      end
    end
  end
  writes[#writes + 1] = { name, cjson.encode(record), user .. ':' .. ARGV[i + 1] }
end
if refusal then return refusal end
for _, write in ipairs(writes) do
  redis.call('SADD', ARGV[1] .. 'index:partnerships', write[3])
  redis.call('SET', ARGV[1] .. write[1], write[2])
end
return 1
`);
