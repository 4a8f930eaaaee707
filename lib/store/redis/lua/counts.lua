--[[
Counts the tasks of a queue by state.

KEYS  1 waiting  2 delayed  3 active  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 unused
Returns a number for each key. A task between two attempts counts as delayed, or as waiting if it has no delay.
]]
local counts = { redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]) }
for i = 4, 7 do counts[i] = redis.call('ZCARD', KEYS[i]) end
return counts
