--[[
Asks for messages about the changes of these tasks. Changes of other tasks are not published.

KEYS  1 watched
ARGV  1 for how long (ms), then ids
Returns nothing

A watcher asks again before that time has passed. Marks that nobody renews expire, and so does the key.
]]
-- @include now
local marks = {}
for i = 2, #ARGV do
  marks[#marks + 1] = now + ARGV[1]
  marks[#marks + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(marks))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
