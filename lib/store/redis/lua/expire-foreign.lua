--[[
Gives an expiry to tasks that a plain Bee-Queue worker ended: it leaves them for ever.

KEYS  1 succeeded or failed  2 done:succeeded or done:failed
ARGV  1 cursor of the scan  2 how long they stay (ms)
Returns the cursor to go on with, "0" at the end
]]
if redis.call('SCARD', KEYS[1]) <= redis.call('ZCARD', KEYS[2]) then return '0' end
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for _, id in ipairs(page[2]) do redis.call('ZADD', KEYS[2], 'NX', till, id) end
return page[1]
