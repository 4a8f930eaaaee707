--[[
A worker says with which stall interval it serves a queue, at its start and at every renewal.

KEYS  1 stallInterval
ARGV  1 its stall interval (ms)
Returns the interval that is in force: another than its own if workers with another one live

The key goes by itself once no worker has said so for two intervals.
]]
local current = redis.call('GET', KEYS[1])
-- One that is no number, or does not go by itself, is not a worker's.
if current and current ~= ARGV[1] and tonumber(current) and redis.call('PTTL', KEYS[1]) > 0 then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2 * ARGV[1])
return ARGV[1]
