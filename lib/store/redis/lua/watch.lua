--[[
Says that somebody waits for changes of these tasks: only of those is it published that they change.

KEYS  1 watched
ARGV  1 for how long (ms), then ids
Returns nothing

A watcher says so again before the time has passed; what nobody renews goes by itself, and so does the key.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local marks = {}
for i = 2, #ARGV do
  marks[#marks + 1] = now + ARGV[1]
  marks[#marks + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(marks))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
