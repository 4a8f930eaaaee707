--[[
What a lane holds.

KEYS  1 limits  2 closed
ARGV  1 prefix of keys
Returns { tasks with a slot, ids in its list, limit, when it may go on or 0,
          the task that has the only slot or "", its rates: max, window in ms, ... }

More keys: slots, list, tokens and starts of the lane.
]]
-- @include now
-- @include rate
local slots, list = unpack(KEYS, 3)
local name = string.sub(slots, #ARGV[1] + 7)
local max, rates = rules_of(KEYS[1], name)
local opens = tonumber(redis.call('ZSCORE', KEYS[2], name) or 0)
local holder = max == 1 and redis.call('SRANDMEMBER', slots) or ''
local reply = { redis.call('SCARD', slots), redis.call('LLEN', list), max, opens > now and opens or 0, holder }
for _, rate in ipairs(rates) do reply[#reply + 1], reply[#reply + 2] = rate[1], rate[2] end
return reply
