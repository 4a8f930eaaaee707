--[[
How many tasks of a queue are in which state.

KEYS  1 waiting  2 delayed  3 active  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 nothing
Returns a number for each key. Tasks between two attempts count as delayed, or as waiting where they wait for no time.
]]
local counts = { redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]) }
for i = 4, 7 do counts[i] = redis.call('ZCARD', KEYS[i]) end
return counts
