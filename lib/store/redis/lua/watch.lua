--[[
Asks for messages about the changes of these tasks. Changes of other tasks are not published.

KEYS  1 watched
ARGV  1 for how long (ms), then ids
Returns nothing

A watcher asks again before that time has passed. Marks that nobody renews expire. So does the key, unless
it is so large that to free it would hold up Redis: then the calls that follow empty it.
]]
-- @include now
local marks = {}
for i = 2, #ARGV do
  marks[#marks + 1] = now + ARGV[1]
  marks[#marks + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(marks))
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
if #old > 0 then redis.call('ZREM', KEYS[1], unpack(old)) end
if redis.call('ZCARD', KEYS[1]) < 5000 then
  redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
else
  redis.call('PERSIST', KEYS[1])
end
