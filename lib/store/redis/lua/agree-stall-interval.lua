--[[
A worker declares its stall interval for a queue, at its start and at every renewal.

KEYS  1 stallInterval
ARGV  1 stall interval of the worker (ms)
Returns the interval in force: another one if living workers use another

The key expires if no worker declares the interval for two intervals.
]]
local current = redis.call('GET', KEYS[1])
-- A value that is no number, or has no expiry, was not written by a worker.
if current and current ~= ARGV[1] and tonumber(current) and redis.call('PTTL', KEYS[1]) > 0 then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2 * ARGV[1])
return ARGV[1]
