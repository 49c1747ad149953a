// Owns the Lua scripts of records: READ reads hashes; COMMIT changes hashes and CREATE writes new ones, each together with the change log.
import { REMADE, SAME_STORE, UNFENCED, named } from './redis-scripts.ts';

/** `forbidden`: an error if the account may not run a command. */
const PERMITTED = `
local function forbidden(command, key, ...)
  if not redis.acl_check_cmd or redis.acl_check_cmd(command, key, ...) then return nil end
  return redis.error_reply('NOPERM no permission for ' .. command .. ' on ' .. key)
end
`;

/** Most values that COMMIT passes to a command at once: Lua unpacks 8,000 (LUAI_MAXCSTACK), and a hoster may have an `info` in more domains. */
const MAX_UNPACKED = 4_000;

/**
 * KEYS: hashes; on a Cluster behind them other keys of their partition. ARGV: text of the known schema, then per hash: number of fields, fields; 0 = all; -1 = those whose names begin with
 * the next value; -2 = those whose names begin with one of the pairs of characters in the next value, for fields that most hashes lack; '' = as of the hash before.
 * Returns one text: a line of numbers, then the values they measure, in bytes. Per key: length of the id of the last entry in
 * the log of its partition, number of values, length of each value (names and values in turn, unless the fields were
 * named); -1 = no such field; number -1 = the key is no hash.
 */
export const READ = named(
  `${SAME_STORE}
local KEYS, ARGV, sub = KEYS, ARGV, string.sub
local function rare(key, kinds)
  local names = redis.pcall('HKEYS', key)
  if names.err then return names end
  local wanted, found = {}, {}
  for field = 1, #names do
    if string.find(kinds, sub(names[field], 1, 2), 1, true) then wanted[#wanted + 1] = names[field] end
  end
  if #wanted == 0 then return wanted end
  local texts = redis.pcall('HMGET', key, unpack(wanted))
  if texts.err then return texts end
  for field = 1, #wanted do
    found[field * 2 - 1], found[field * 2] = wanted[field], texts[field]
  end
  return found
end
local sizes, values, ends = {}, {}, {}
local decimal = setmetatable({}, { __index = function(known, number)
  known[number] = tostring(number)
  return known[number]
end })
local numbers, texts, at = 0, 0, 2
local partition, last, count, first, beginning
for index = 1, #KEYS do
  if at > #ARGV then break end
  local key = KEYS[index]
  if not partition or sub(key, 1, #partition) ~= partition then
    partition = base(key)
    last = ends[partition]
  end
  if not last then
    local refusal = foreign(partition)
    if refusal then return refusal end
    local entry = redis.pcall('XREVRANGE', partition .. 'changes', '+', '-', 'COUNT', 1)
    if entry.err and not string.find(entry.err, 'WRONGTYPE', 1, true) then return entry end
    last = entry[1] and entry[1][1] or '0-0'
    ends[partition] = last
  end
  numbers, texts = numbers + 1, texts + 1
  sizes[numbers], values[texts] = decimal[#last], last
  local head, found = ARGV[at]
  at = at + 1
  if head ~= '' then
    count, first, beginning = tonumber(head), at, nil
    if count < 0 then beginning, at = ARGV[at], at + 1
    else at = at + count end
  end
  if count > 0 then found = redis.pcall('HMGET', key, unpack(ARGV, first, first + count - 1))
  elseif count == -2 then found = rare(key, beginning)
  else found = redis.pcall('HGETALL', key) end
  numbers = numbers + 1
  local place, fields = numbers, 0
  sizes[place] = ''
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
    fields = -1
  elseif beginning then
    local length = #beginning
    for field = 1, #found, 2 do
      local name, text = found[field], found[field + 1]
      if count == -2 or sub(name, 1, length) == beginning then
        sizes[numbers + 1], sizes[numbers + 2] = decimal[#name], decimal[#text]
        values[texts + 1], values[texts + 2] = name, text
        numbers, texts, fields = numbers + 2, texts + 2, fields + 2
      end
    end
  else
    fields = #found
    for field = 1, fields do
      local text = found[field]
      numbers = numbers + 1
      if text then
        texts = texts + 1
        sizes[numbers], values[texts] = decimal[#text], text
      else sizes[numbers] = '-1' end
    end
  end
  sizes[place] = decimal[fields]
end
return table.concat(sizes, ' ') .. '\\n' .. table.concat(values)
`,
  true,
);

/**
 * KEYS: hashes of one partition; on a Cluster behind them other keys of it. ARGV: text of the known schema, length of the log, field of the log ('d', 'u' or 'y', and behind it
 * the fence of the leader that writes), number of hashes, then per run of hashes with the same fields:
 * number of fields, number of hashes, text for the change log ('' = none, '=' = the name in the key, '%' = one for each hash), names of
 * the fields; then per hash its text for the change log, if that is '%', the expected texts, and the new texts; '' = none,
 * '%' = as expected.
 * A negative number of fields: the hashes were not read. There are no expected texts, and none of the fields may exist. Two more values come before the names of the fields: the beginning of
 * names of which no field may exist ('' = no such condition), and the number of further fields that must not exist, whose names follow. A key of another type is not written then.
 * A key is written only if all of its fields are as expected; the others are written all the same. One entry of the log names
 * all that were. Returns the numbers of the keys that were not written.
 * Redis does not roll back: a script that fails halfway has written half. So types and permissions are checked first; and the
 * log comes first, since without memory, on a replica or at the end of the log's ids Redis refuses the first write. A key of
 * another type counts as empty, and is overwritten; so is the log.
 */
export const COMMIT = named(`${SAME_STORE}${UNFENCED}${REMADE}${PERMITTED}
local KEYS, ARGV = KEYS, ARGV
local partition = base(KEYS[1])
local call, pcall, unpack = redis.call, redis.pcall, unpack
local log, fence = string.match(ARGV[3], '^(%a)(%d*)$')
local refusal = foreign(partition) or fenced(partition, fence)
if refusal then return refusal end
local total = tonumber(ARGV[4])
local none
local function allNew()
  if none == nil then none = pcall('EXISTS', unpack(KEYS, 1, total)) == 0 end
  return none
end
local sub, find = string.sub, string.find
local function textsOf(key, first, last)
  if last - first < ${MAX_UNPACKED} then return pcall('HMGET', key, unpack(ARGV, first, last)) end
  local texts = {}
  for from = first, last, ${MAX_UNPACKED} do
    local part = pcall('HMGET', key, unpack(ARGV, from, math.min(from + ${MAX_UNPACKED - 1}, last)))
    if part.err then return part end
    for field = 1, #part do texts[#texts + 1] = part[field] end
  end
  return texts
end
local function lacks(key, beginning, first, last)
  if beginning == '' then
    local texts = textsOf(key, first, last)
    if texts.err then return texts end
    for field = 1, #texts do if texts[field] then return false end end
  else
    local names, length = pcall('HKEYS', key), #beginning
    if names.err then return names end
    for field = 1, #names do if sub(names[field], 1, length) == beginning then return false end end
  end
  return true
end
local news, failed, keys, names, texts, runs = {}, {}, {}, {}, {}, {}
local said, writes, puts, drops, ends = 0, 0
local at, done = 5, 0
while done < total do
  local count, run, line = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
  at = at + 3
  local unread, beginning, others = count < 0, '', 0
  if unread then count, beginning, others, at = -count, ARGV[at], tonumber(ARGV[at + 1]), at + 2 end
  local first = at
  at = first + count + others
  local last = done + run
  if unread and allNew() then
    local each = line == '%'
    local stride = each and count + 1 or count
    runs[#runs + 1] = { done + 1, last, first, count, each and at + 1 or at, stride }
    for index = done + 1, last do
      local told = line == '=' and sub(KEYS[index], #partition + 3) or each and ARGV[at] or line
      if told ~= '' then
        said = said + 1
        news[said] = told
      end
      at = at + stride
    end
    puts, done = true, last
  end
  for index = done + 1, last do
    local key, told = KEYS[index], line
    if told == '%' then told, at = ARGV[at], at + 1 end
    local expected, next = at, unread and at or at + count
    at = next + count
    local same, other, stored = true, false, nil
    if unread then
      same = lacks(key, beginning, first, first + count + others - 1)
      if type(same) == 'table' then
        if not find(same.err, 'WRONGTYPE', 1, true) then return same end
        same = false
      end
    else
      if ARGV[expected] ~= '' or not allNew() then
        stored = textsOf(key, first, first + count - 1)
        if stored.err then
          if not find(stored.err, 'WRONGTYPE', 1, true) then return stored end
          stored, other = nil, true
        end
      end
      for field = 0, count - 1 do
        if (stored and stored[field + 1] or '') ~= ARGV[expected + field] then same = false break end
      end
    end
    if same then
      if other then
        ends, writes = true, writes + 1
        keys[writes], names[writes], texts[writes] = key, false, false
      end
      for field = 0, count - 1 do
        local text = ARGV[next + field]
        if text == '' then
          if stored and stored[field + 1] then
            drops, writes = true, writes + 1
            keys[writes], names[writes], texts[writes] = key, ARGV[first + field], false
          end
        elseif unread or text ~= '%' and text ~= ARGV[expected + field] then
          puts, writes = true, writes + 1
          keys[writes], names[writes], texts[writes] = key, ARGV[first + field], text
        end
      end
      if told == '=' then told = sub(key, #partition + 3) end
      if told ~= '' then
        said = said + 1
        news[said] = told
      end
    else
      failed[#failed + 1] = index
    end
  end
  done = last
end
refusal = ends and forbidden('DEL', KEYS[1])
  or puts and forbidden('HSET', KEYS[1], 'f', 'v')
  or drops and forbidden('HDEL', KEYS[1], 'f')
  or said > 0 and forbidden('XADD', partition .. 'changes', '*', 'f', 'v')
if refusal then return refusal end
if said > 0 then
  local reply = added(partition .. 'changes', 'MAXLEN', '~', ARGV[2], '*', log, table.concat(news, ' '))
  if type(reply) == 'table' and reply.err then return reply end
end
for at = 1, #runs do
  local from, last, first, count, next, stride = unpack(runs[at])
  for index = from, last do
    local key = KEYS[index]
    for field = 0, count - 1 do call('HSET', key, ARGV[first + field], ARGV[next + field]) end
    next = next + stride
  end
end
for index = 1, writes do
  local text, name = texts[index], names[index]
  if text then call('HSET', keys[index], name, text)
  elseif name then call('HDEL', keys[index], name)
  else call('DEL', keys[index]) end
end
return failed
`);

/**
 * Not on a Cluster. KEYS: hashes in groups. ARGV: text of the known schema, length of the log, field of the log with the fence as for COMMIT; pairs of characters with which the names of no field
 * begin in the first hash of a group, likewise in its other hashes ('' = the written field does not exist); number of partitions, for each what the names of its keys begin with and
 * the names for its log ('' = none); number of groups, then for each: number of fields that must not exist in its first hash, number of texts for that hash, number of its other hashes, these fields, these texts
 * (fields and values in turn), field and value for each other hash.
 * A group is written if the conditions hold for all of its hashes, and if no group before it in the call has one of them; with all of its hashes, or not at all. Returns
 * the numbers of the groups that were not written. The log may name these, too. As with COMMIT, a script that fails halfway has written half.
 */
export const CREATE = named(`${SAME_STORE}${UNFENCED}${REMADE}${PERMITTED}
local KEYS, ARGV = KEYS, ARGV
local call, pcall, unpack, sub = redis.call, redis.pcall, unpack, string.sub
local log, fence = string.match(ARGV[3], '^(%a)(%d*)$')
local logs = 6 + 2 * tonumber(ARGV[6])
for at = 7, logs, 2 do
  local refusal = foreign(ARGV[at]) or fenced(ARGV[at], fence)
  if refusal then return refusal end
end
local none = pcall('EXISTS', KEYS[1]) == 0 and pcall('EXISTS', unpack(KEYS)) == 0
local function pairsOf(text)
  local pairs = {}
  for at = 1, #text, 2 do pairs[sub(text, at, at + 1)] = true end
  return pairs
end
local kinds, otherKinds = pairsOf(ARGV[4]), ARGV[5] ~= '' and pairsOf(ARGV[5])
local function lacks(key, kinds, first, last)
  if not kinds then return pcall('HMGET', key, ARGV[first])[1] == false end
  local names = pcall('HKEYS', key)
  if names.err then return false end
  for index = 1, #names do
    local name = names[index]
    if kinds[sub(name, 1, 2)] then return false end
    for field = first, last do if name == ARGV[field] then return false end end
  end
  return true
end
local failed, places, hashes, owner = {}, {}, {}, {}
local at, last, writes = logs + 2, 0, 0
for group = 1, tonumber(ARGV[logs + 1]) do
  local absent, texts, others = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local first, field = last + 1, at + 3 + absent + texts
  local free = none or lacks(KEYS[first], kinds, at + 3, at + 2 + absent)
  last = first + others
  for index = first, last do
    local key = KEYS[index]
    if (owner[key] or group) ~= group then free = false end
    owner[key] = group
    if index > first then
      free = free and (none or lacks(key, otherKinds, field, field))
      field = field + 2
    end
  end
  if free then
    writes = writes + 1
    places[writes], hashes[writes] = at, first
  else failed[#failed + 1] = group end
  at = field
end
if writes == 0 then return failed end
local refusal = forbidden('HSET', KEYS[1], 'f', 'v')
for place = 7, logs, 2 do
  if ARGV[place + 1] ~= '' then refusal = refusal or forbidden('XADD', ARGV[place] .. 'changes', '*', 'f', 'v') end
end
if refusal then return refusal end
for place = 7, logs, 2 do
  local names = ARGV[place + 1]
  local reply = names ~= '' and added(ARGV[place] .. 'changes', 'MAXLEN', '~', ARGV[2], '*', log, names)
  if type(reply) == 'table' and reply.err then return reply end
end
for write = 1, writes do
  local from, first = places[write], hashes[write]
  local at = from + 3 + tonumber(ARGV[from])
  local rest = at + tonumber(ARGV[from + 1])
  call('HSET', KEYS[first], unpack(ARGV, at, rest - 1))
  for index = first + 1, first + tonumber(ARGV[from + 2]) do
    call('HSET', KEYS[index], ARGV[rest], ARGV[rest + 1])
    rest = rest + 2
  end
end
return failed
`);
