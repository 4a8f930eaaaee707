--[[
Removes what has not started: waiting and delayed tasks, oldest first.

KEYS  1 jobs  2 waiting  3 delayed  4 stalls  5 claims
ARGV  1 how many at the most, of each
Returns how many records were removed, and how many ids are left: { removed, left }
]]
local removed = 0
local function forget(ids)
  for _, id in ipairs(ids) do
    -- Held by a worker, and put back by a plain Bee-Queue's stall check: it runs.
    if redis.call('HEXISTS', KEYS[5], id) == 0 then
      removed = removed + redis.call('HDEL', KEYS[1], id)
      redis.call('HDEL', KEYS[4], id)
    end
  end
end
forget(redis.call('RPOP', KEYS[2], ARGV[1]) or {})
local delayed = redis.call('ZPOPMIN', KEYS[3], ARGV[1])
local ids = {}
for i = 1, #delayed, 2 do ids[#ids + 1] = delayed[i] end
forget(ids)
return { removed, redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) }
