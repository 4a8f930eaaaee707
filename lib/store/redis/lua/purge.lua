--[[
Removes tasks that were not started: waiting and delayed ones, oldest first.

KEYS  1 jobs  2 waiting  3 delayed  4 stalls  5 claims
ARGV  1 how many of each at most
Returns { how many records were removed, how many ids are left }
]]
local removed = 0
local function remove(ids)
  for _, id in ipairs(ids) do
    -- A claimed id in waiting is a running task: the stall check of a plain Bee-Queue put it there.
    if redis.call('HEXISTS', KEYS[5], id) == 0 then
      removed = removed + redis.call('HDEL', KEYS[1], id)
      redis.call('HDEL', KEYS[4], id)
    end
  end
end
remove(redis.call('RPOP', KEYS[2], ARGV[1]) or {})
local delayed = redis.call('ZPOPMIN', KEYS[3], ARGV[1])
local ids = {}
for i = 1, #delayed, 2 do ids[#ids + 1] = delayed[i] end
remove(ids)
return { removed, redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) }
