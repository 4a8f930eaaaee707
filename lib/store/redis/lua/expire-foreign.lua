--[[
Gives an expiry to tasks that plain Bee-Queue workers finished. Bee-Queue keeps them for ever.

KEYS  1 succeeded or failed  2 done:succeeded or done:failed
ARGV  1 cursor of the scan  2 how long the records stay (ms)
Returns the next cursor, "0" at the end
]]
if redis.call('SCARD', KEYS[1]) <= redis.call('ZCARD', KEYS[2]) then return '0' end
-- @include now
local expiry = now + ARGV[2]
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for _, id in ipairs(page[2]) do redis.call('ZADD', KEYS[2], 'NX', expiry, id) end
return page[1]
