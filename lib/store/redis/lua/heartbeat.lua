--[[
A worker tells of itself, and that it lives. Also takes away what workers told that have not told again in time.

KEYS  1 workers  2 workerInfo
ARGV  1 its id  2 what it tells, "" where it leaves  3 how long that holds (ms)
Returns how many were taken away

Guarantee: a worker that was killed is not listed once that time has passed, and nothing of it stays: the next heartbeat of
another takes it away, and without another both keys go by themselves.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
if ARGV[2] == '' then gone[#gone + 1] = ARGV[1] end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return #gone
