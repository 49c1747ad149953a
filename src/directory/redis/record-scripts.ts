// Owns the Lua scripts of records: one reads hashes, one writes them and the change log together.
import { FENCED, REMADE, SAME_STORE, named } from './redis-scripts.ts';

/** Most values that COMMIT passes to a command at once: Lua unpacks 8,000 (LUAI_MAXCSTACK), and a hoster may have an `info` in more domains. */
const MAX_UNPACKED = 4_000;

/**
 * KEYS: hashes; on a Cluster behind them other keys of their partition. ARGV: text of the known schema, then per hash: number of fields, fields; 0 = all; -1 = those whose names begin with
 * the next value; -2 = likewise, of which most hashes have none; '' = as of the hash before.
 * Returns one text: a line of numbers, then the values they measure, in bytes. Per key: length of the id of the last entry in
 * the log of its partition, number of values, length of each value (names and values in turn, unless the fields were
 * named); -1 = no such field; number -1 = the key is no hash.
 */
export const READ = named(
  `${SAME_STORE}
local KEYS, ARGV, sub = KEYS, ARGV, string.sub
local function rare(key, beginning)
  local names = redis.pcall('HKEYS', key)
  if names.err then return names end
  local wanted, found = {}, {}
  for field = 1, #names do
    if sub(names[field], 1, #beginning) == beginning then wanted[#wanted + 1] = names[field] end
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
  sizes[numbers], values[texts] = #last, last
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
  sizes[place] = 0
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
    fields = -1
  elseif beginning then
    local length = #beginning
    for field = 1, #found, 2 do
      local name, text = found[field], found[field + 1]
      if sub(name, 1, length) == beginning then
        sizes[numbers + 1], sizes[numbers + 2] = #name, #text
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
        sizes[numbers], values[texts] = #text, text
      else sizes[numbers] = -1 end
    end
  end
  sizes[place] = fields
end
return table.concat(sizes, ' ') .. '\\n' .. table.concat(values)
`,
  true,
);

/**
 * KEYS: hashes of one partition; on a Cluster behind them other keys of it. ARGV: text of the known schema, length of the log, field of the log ('d', 'u' or 'y', and behind it
 * the fence of the leader that writes), number of hashes, then per run of hashes with the same fields:
 * number of fields, number of hashes, text for the change log ('' = none, '=' = the name in the key, '%' = one for each hash), names of
 * the fields; then per hash its text for the change log, if that is '%', the expected texts, and the new texts; '' = none.
 * A negative number of fields: the hashes were not read. There are no expected texts, and none of the fields may exist. Two more values come before the names of the fields: the beginning of
 * names of which no field may exist ('' = no such condition), and the number of further fields that must not exist, whose names follow. A key of another type is not written then.
 * A key is written only if all of its fields are as expected; the others are written all the same. One entry of the log names
 * all that were. Returns the numbers of the keys that were not written.
 * Redis does not roll back: a script that fails halfway has written half. So types and permissions are checked first; and the
 * log comes first, since without memory, on a replica or at the end of the log's ids Redis refuses the first write. A key of
 * another type counts as empty, and is overwritten; so is the log.
 */
export const COMMIT = named(`${SAME_STORE}${REMADE}
local KEYS, ARGV = KEYS, ARGV
local partition = base(KEYS[1])
local refusal = foreign(partition)
if refusal then return refusal end
local call, pcall, unpack = redis.call, redis.pcall, unpack
local log, fence = string.match(ARGV[3], '^(%a)(%d*)$')
if fence ~= '' then
  local raised = pcall('GET', partition .. 'fence') or '0'
  raised = type(raised) == 'string' and string.match(raised, '^%d+$')
  if not raised or tonumber(raised) > tonumber(fence) then
    return redis.error_reply('${FENCED} another leader writes by now')
  end
end
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
local news, failed, keys, names, texts = {}, {}, {}, {}, {}
local said, writes, puts, drops, ends = 0, 0
local at, done = 5, 0
while done < total do
  local count, run, line = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
  at = at + 3
  local unread, beginning, others = count < 0, '', 0
  if unread then count, beginning, others, at = -count, ARGV[at], tonumber(ARGV[at + 1]), at + 2 end
  local first = at
  at = first + count + others
  for index = done + 1, done + run do
    local key, told = KEYS[index], line
    if told == '%' then told, at = ARGV[at], at + 1 end
    local expected, next = at, unread and at or at + count
    at = next + count
    local same, other, stored = true, false, nil
    if unread then
      if not allNew() then
        same = lacks(key, beginning, first, first + count + others - 1)
        if type(same) == 'table' then
          if not find(same.err, 'WRONGTYPE', 1, true) then return same end
          same = false
        end
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
        elseif unread or text ~= ARGV[expected + field] then
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
  done = done + run
end
local function need(command, key, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...) then
    refusal = redis.error_reply('NOPERM no permission for ' .. command .. ' on ' .. key)
  end
end
if ends then need('DEL', KEYS[1]) end
if puts then need('HSET', KEYS[1], 'f', 'v') end
if drops then need('HDEL', KEYS[1], 'f') end
if said > 0 then need('XADD', partition .. 'changes', '*', 'f', 'v') end
if refusal then return refusal end
if said > 0 then
  local reply = added(partition .. 'changes', 'MAXLEN', '~', ARGV[2], '*', log, table.concat(news, ' '))
  if type(reply) == 'table' and reply.err then return reply end
end
for index = 1, writes do
  local text, name = texts[index], names[index]
  if text then call('HSET', keys[index], name, text)
  elseif name then call('HDEL', keys[index], name)
  else call('DEL', keys[index]) end
end
return failed
`);
