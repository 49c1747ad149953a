// Owns the Lua scripts: one round trip per read, record and change log together on every write.

/**
 * ARGV: prefix, encoded user, device spellings…
 * Returns: encoded canonical user, device record, last log id, then per spelling: device decision, partnership decision.
 */
export const LOOKUP = `
local prefix = ARGV[1]
local user = redis.call('GET', prefix .. 'alias:' .. ARGV[2]) or ARGV[2]
local last = redis.call('XREVRANGE', prefix .. 'changes', '+', '-', 'COUNT', 1)
local out = { user, redis.call('GET', prefix .. 'device:' .. ARGV[3]), last[1] and last[1][1] or '0-0' }
for i = 3, #ARGV do
  out[#out + 1] = redis.call('GET', prefix .. 'decision:' .. ARGV[i] .. ':')
  out[#out + 1] = redis.call('GET', prefix .. 'decision:' .. ARGV[i] .. ':' .. user)
end
return out
`;

/** ARGV: prefix, device, record, source, version, log length. Returns 0 when a newer observation is stored. */
export const PUT_DEVICE = `
local key = ARGV[1] .. 'device:' .. ARGV[2]
local stored = redis.call('GET', key)
if stored then
  local ok, record = pcall(cjson.decode, stored)
  if ok and type(record) == 'table' and record.source == ARGV[4] and tonumber(record.version or 0) > tonumber(ARGV[5]) then
    return 0
  end
end
redis.call('SET', key, ARGV[3])
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', '')
return 1
`;

/** ARGV: prefix, device, encoded user or '', record or '', log length. */
export const DECIDE = `
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if ARGV[4] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[4]) end
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[5], '*', 'd', ARGV[2], 'u', ARGV[3])
return 1
`;

/**
 * ARGV: prefix, device, encoded user or '', the text that must be stored or '', record or '', log length.
 * Returns 0 when another text is stored.
 */
export const REPLACE_DECISION = `
local key = ARGV[1] .. 'decision:' .. ARGV[2] .. ':' .. ARGV[3]
if (redis.call('GET', key) or '') ~= ARGV[4] then return 0 end
if ARGV[5] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[5]) end
redis.call('SADD', ARGV[1] .. 'index:devices', ARGV[2])
redis.call('XADD', ARGV[1] .. 'changes', 'MAXLEN', '~', ARGV[6], '*', 'd', ARGV[2], 'u', ARGV[3])
return 1
`;

/** ARGV: prefix, encoded user, record, log length, encoded aliases… */
export const PUT_USER = `
local key = ARGV[1] .. 'user:' .. ARGV[2]
local touched = { [ARGV[2]] = true }
local stored = redis.call('GET', key)
if stored then
  for _, alias in ipairs(cjson.decode(stored).encodedAliases or {}) do
    redis.call('DEL', ARGV[1] .. 'alias:' .. alias)
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
`;

/** ARGV: prefix, then triples: encoded user, device, record. The first-seen time of a known partnership stays. */
export const RECORD_SEEN = `
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
`;
