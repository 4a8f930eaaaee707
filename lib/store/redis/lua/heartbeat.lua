--[[
Stores what a worker reports about itself, and removes workers whose last report is too old.

KEYS  1 workers  2 workerInfo
ARGV  1 worker id  2 report, "" if the worker leaves  3 lifetime of the report (ms)
Returns how many workers were removed

Guarantee: a worker that was killed is not listed after the lifetime, and no trace of it stays. The next heartbeat of
another worker removes it. If there is no other worker, both keys expire.
]]
-- @include now
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
-- No report lasts that long: these are from before the clock was set back.
local later = string.format('(%.0f', now + 10 * ARGV[3])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, 1000)) do gone[#gone + 1] = id end
if ARGV[2] == '' then gone[#gone + 1] = ARGV[1] end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return #gone
