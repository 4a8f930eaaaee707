--[[
Removes a task that is not running, and everything that is stored about it.

KEYS  1 jobs  2 claims  3 waiting  4 delayed  5 succeeded  6 failed  7 stalls  8 progress
      9 done:succeeded  10 done:failed  11 done:cancelled  12 done:expired
ARGV  1 id
Returns "removed" | "active" | "unknown"
]]
local id = ARGV[1]
if redis.call('HEXISTS', KEYS[1], id) == 0 then return 'unknown' end
if redis.call('HEXISTS', KEYS[2], id) == 1 then return 'active' end
redis.call('HDEL', KEYS[1], id)
-- In a long queue the search costs too much: the id stays in waiting, and the worker that claims it drops it.
if redis.call('LLEN', KEYS[3]) <= 1000 then redis.call('LREM', KEYS[3], 0, id) end
redis.call('ZREM', KEYS[4], id)
redis.call('SREM', KEYS[5], id)
redis.call('SREM', KEYS[6], id)
redis.call('HDEL', KEYS[7], id)
redis.call('HDEL', KEYS[8], id)
for i = 9, 12 do redis.call('ZREM', KEYS[i], id) end
return 'removed'
