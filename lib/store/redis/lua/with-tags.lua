--[[
Runs another script for tasks with tags, and keeps the index of tags in the same step: what that script has stored is in
the index afterwards, what it has removed is not.

KEYS  1 jobs  2 tags  3 tagged
ARGV  1 number of tasks, then for each: id, "<time> <tag> <tag> ..." for a task that may be stored now, else ""
Returns what the script returns

More keys and arguments: those of the script.
Guarantee: the script writes first. If it is refused, the index stays as it is.
]]
-- @include untag
local function run (KEYS, ARGV)
  return SCRIPT
end

local count, existed, keys, args = tonumber(ARGV[1]), {}, {}, {}
for i = 2, 2 * count, 2 do existed[ARGV[i]] = redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 end
for i = 4, #KEYS do keys[i - 3] = KEYS[i] end
for i = 2 * count + 2, #ARGV do args[i - 2 * count - 1] = ARGV[i] end
local reply = run(keys, args)

local function put(id, entry)
  untag(KEYS[2], KEYS[3], { id }) -- an earlier task may have had the id
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
untag(KEYS[2], KEYS[3], gone)
return reply
