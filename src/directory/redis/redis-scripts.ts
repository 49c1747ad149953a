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
 * ARGV: prefix, then per look-up: encoded user, number of spellings, device spellings…
 * Returns: last log id, then per look-up: why it failed or nil, encoded canonical user, device record, partnership, and per
 * spelling device decision and partnership decision. A value that is no text fails its own look-up only.
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
local at = 2
while at < #ARGV do
  failure = false
  local user = get('alias:' .. ARGV[at]) or ARGV[at]
  local first, behind = at + 2, at + 2 + ARGV[at + 1]
  local found = { false, user, get('device:' .. ARGV[first]), get('partnership:' .. user .. ':' .. ARGV[first]) }
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

/** ARGV: prefix, device, encoded user or '', record or '', log length. */
export const DECIDE = script(`
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if ARGV[4] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[4]) end
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[5], '*', 'd', ARGV[2], 'u', ARGV[3])
return 1
`);

/**
 * ARGV: prefix, device, encoded user or '', the text that must be stored or '', record or '', log length.
 * Returns 0 when another text is stored.
 */
export const REPLACE_DECISION = script(`
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if (redis.call('GET', key) or '') ~= ARGV[4] then return 0 end
if ARGV[5] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[5]) end
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', ARGV[3])
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

/** ARGV: prefix, then triples: encoded user, device, record. The first-seen time of a known partnership stays. */
export const RECORD_SEEN = script(`
for i = 2, #ARGV, 3 do
  local user = redis.call('GET', ARGV[1] .. 'alias:' .. ARGV[i]) or ARGV[i]
  local key = ARGV[1] .. 'partnership:' .. user .. ':' .. ARGV[i + 1]
  local record = cjson.decode(ARGV[i + 2])
  local stored = redis.call('GET', key)
  if stored then
    local ok, before = pcall(cjson.decode, stored)
    if ok and type(before) == 'table' then
      if before.firstSeen then record.firstSeen = before.firstSeen end
      for _, name in ipairs({ 'model', 'os', 'imei' }) do
        if record[name] == cjson.null and before[name] then record[name] = before[name] end
      end
    end
  end
  redis.call('SET', key, cjson.encode(record))
  redis.call('SADD', ARGV[1] .. 'index:partnerships', user .. ':' .. ARGV[i + 1])
end
return 1
`);
