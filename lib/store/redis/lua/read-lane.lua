--[[
What a lane holds.

KEYS  1 limits
ARGV  1 prefix of keys
Returns { tasks with a slot, ids in its list, limit }

More keys: slots and list of the lane.
]]
local slots, list = unpack(KEYS, 2)
local name = string.match(string.sub(slots, #ARGV[1] + 7), '^%S+')
local found = redis.call('HMGET', KEYS[1], '!' .. name, name)
local limit = tonumber(string.match(found[1] or found[2] or '', '^%d+') or 1)
return { redis.call('SCARD', slots), redis.call('LLEN', list), limit }
