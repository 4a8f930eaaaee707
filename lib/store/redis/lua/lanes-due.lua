--[[
Takes the lanes that somebody has to look at, for five seconds.

KEYS  1 lanes
ARGV  1 how many at most
Returns their names. Of callers at the same time each gets others
]]
-- @include now
local lanes = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
-- No look is planned later than that: these are from before the clock was set back.
local later = string.format('(%.0f', now + 5000)
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, ARGV[1] - #lanes)) do
  lanes[#lanes + 1] = lane
end
for _, lane in ipairs(lanes) do redis.call('ZADD', KEYS[1], now + 5000, lane) end
return lanes
