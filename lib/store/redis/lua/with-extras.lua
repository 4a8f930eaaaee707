--[[
Runs another script for tasks that have more than a record, and keeps it in the same step: the tags of what that script
has stored are in their index afterwards, and nothing is left of what it has removed.

KEYS  1 jobs  2 tags  3 tagged  4 logs  5 logged  6 heads
ARGV  1 number of tasks, then for each: id, "<time> <tag> <tag> ..." for a task that may be stored now, else ""
Returns what the script returns

More keys and arguments: those of the script.
Guarantee: the script writes first. If it is refused, all stays as it is.
]]
-- @include forget
local function run (KEYS, ARGV)
  return SCRIPT
end

local count, existed, keys, args = tonumber(ARGV[1]), {}, {}, {}
for i = 2, 2 * count, 2 do existed[ARGV[i]] = redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 end
for i = 7, #KEYS do keys[i - 6] = KEYS[i] end
for i = 2 * count + 2, #ARGV do args[i - 2 * count - 1] = ARGV[i] end
local reply = run(keys, args)

local function put(id, entry)
  forget(2, { id }) -- an earlier task may have had the id
  redis.call('HSET', KEYS[3], id, entry)
  local time
  for word in string.gmatch(entry, '%S+') do
    if time then redis.call('ZADD', KEYS[2], 0, word .. ' ' .. time .. ' ' .. id) end
    time = time or word
  end
end

local gone = {}
for i = 2, 2 * count, 2 do
  local id, entry = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    gone[#gone + 1] = id
  elseif not existed[id] and entry ~= '' then
    put(id, entry)
  end
  existed[id] = true -- of tasks with the same id the first was stored
end
forget(2, gone)
return reply
