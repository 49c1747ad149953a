// Owns the Lua scripts: one round trip per read, record and change log together on every write.
import { createHash } from 'node:crypto';

/** A script, and the name under which Redis keeps it once it has run. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/**
 * ARGV: prefix, then per look-up: encoded login, encoded user it is by the groups of domains, device.
 * Returns: last log id, then per look-up: why it failed or nil, encoded user, device record, partnership, decision on the
 * device, user record or nil, and per decision on a user of the device: encoded name, decision, encoded user that the name
 * means, user record or nil. A value that is no text fails its own look-up only.
 */
export const LOOKUP = script(`
local prefix = ARGV[1]
local failure
local function get(name)
  local value = redis.pcall('GET', prefix .. name)
  if type(value) == 'table' then failure = value.err return false end
  return value
end
local last = redis.call('XREVRANGE', prefix .. 'changes', '+', '-', 'COUNT', 1)
local out = { last[1] and last[1][1] or '0-0' }
for at = 2, #ARGV, 3 do
  failure = false
  local login, grouped, device = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local user = get('alias:' .. login) or (grouped ~= login and get('alias:' .. grouped)) or grouped
  local found = { false, user, get('device:' .. device), get('partnership:' .. user .. ':' .. device),
    get('decision:' .. device .. ':'), false }
  local names = redis.pcall('SMEMBERS', prefix .. 'index:decisions:' .. device)
  if names.err then failure = names.err names = {} end
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
 * newer observation is stored. The rules are those of sameState and sameFacts in records.ts; the record's text is kept as
 * it came, for cjson writes numbers and empty lists otherwise.
 */
export const PUT_DEVICE = script(`
local key = ARGV[1] .. 'device:' .. ARGV[2]
local report = cjson.decode(ARGV[3] .. '}')
local function is(value) if value == nil then return cjson.null end return value end
local function list(value)
  if type(value) ~= 'table' or #value == 0 then return '' end
  return cjson.encode(value)
end
local since, news = ARGV[7], true
local stored = redis.call('GET', key)
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
redis.call('SET', key, ARGV[3] .. ',"stateSince":' .. since .. '}')
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
if news then redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', '') end
return 1
`);

/** Keeps which users of a device have decisions: `device`, `user`, and whether there is one. */
const INDEX_DECISION = `
local function index(device, user, exists)
  redis.call('SADD', ARGV[1] .. 'index:devices', device)
  if user ~= '' then redis.call(exists and 'SADD' or 'SREM', ARGV[1] .. 'index:decisions:' .. device, user) end
end
`;

/** ARGV: prefix, device, encoded user or '', record or '', log length. */
export const DECIDE = script(`${INDEX_DECISION}
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if ARGV[4] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[4]) end
index(ARGV[2], ARGV[3], ARGV[4] ~= '')
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[5], '*', 'd', ARGV[2], 'u', ARGV[3])
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the text that must be stored or '', record or '', log length.
 * Returns 0 when another text is stored.
 */
export const REPLACE_DECISION = script(`${INDEX_DECISION}
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if (redis.call('GET', key) or '') ~= ARGV[4] then return 0 end
if ARGV[5] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[5]) end
index(ARGV[2], ARGV[3], ARGV[5] ~= '')
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', ARGV[3])
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the text that must be stored, record. Returns 0 when another text is stored.
 * For what changes no verdict: nothing is appended to the log.
 */
export const AMEND_DECISION = script(`
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if redis.call('GET', key) ~= ARGV[4] then return 0 end
redis.call('SET', key, ARGV[5])
return 1
`);

/** ARGV: prefix, encoded user, record, log length, encoded aliases… A name that went to another user since stays there. */
export const PUT_USER = script(`
local key = ARGV[1] .. 'user:' .. ARGV[2]
local touched = { [ARGV[2]] = true }
local stored = redis.call('GET', key)
if stored then
  for _, alias in ipairs(cjson.decode(stored).encodedAliases or {}) do
    local name = ARGV[1] .. 'alias:' .. alias
    if redis.call('GET', name) == ARGV[2] then redis.call('DEL', name) end
    touched[alias] = true
  end
end
for i = 5, #ARGV do
  redis.call('SET', ARGV[1] .. 'alias:' .. ARGV[i], ARGV[2])
  touched[ARGV[i]] = true
end
redis.call('SET', key, ARGV[3])
for user in pairs(touched) do
  redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[4], '*', 'd', '', 'u', user)
end
return 1
`);

/**
 * ARGV: prefix, most spellings kept, then per partnership: encoded login, encoded user it is by the groups of domains,
 * device, record. The first-seen time and the spellings of a known partnership stay. Returns, for each that was seen under
 * a new spelling: encoded user, device, spellings as JSON.
 */
export const RECORD_SEEN = script(`
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
local added = {}
for i = 3, #ARGV, 4 do
  local login, grouped, device = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local user = redis.call('GET', ARGV[1] .. 'alias:' .. login) or redis.call('GET', ARGV[1] .. 'alias:' .. grouped) or grouped
  local key = ARGV[1] .. 'partnership:' .. user .. ':' .. device
  local record = cjson.decode(ARGV[i + 3])
  local stored = redis.call('GET', key)
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
  redis.call('SET', key, cjson.encode(record))
  redis.call('SADD', ARGV[1] .. 'index:partnerships', user .. ':' .. device)
end
return added
`);

/**
 * ARGV: prefix, number of keys, then per key: name, the text that must be stored or '', the text to store or '' = none; then
 * number of set members, per member: set, 'SADD' or 'SREM', member; then log length, devices that changed…
 * Returns 0, and writes nothing, when another text is stored somewhere.
 */
export const REWRITE = script(`
local at, keys = 3, tonumber(ARGV[2])
for i = at, at + 3 * keys - 1, 3 do
  if (redis.call('GET', ARGV[1] .. ARGV[i]) or '') ~= ARGV[i + 1] then return 0 end
end
for i = at, at + 3 * keys - 1, 3 do
  if ARGV[i + 2] == '' then redis.call('DEL', ARGV[1] .. ARGV[i]) else redis.call('SET', ARGV[1] .. ARGV[i], ARGV[i + 2]) end
end
at = at + 3 * keys
local members = tonumber(ARGV[at])
for i = at + 1, at + 3 * members, 3 do redis.call(ARGV[i + 1], ARGV[1] .. ARGV[i], ARGV[i + 2]) end
at = at + 1 + 3 * members
for i = at + 1, #ARGV do
  redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[at], '*', 'd', ARGV[i], 'u', '')
end
return 1
`);
