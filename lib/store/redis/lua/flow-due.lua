--[[
Returns flows that somebody has to look at, and moves their time on: of those who call, one gets each.

KEYS  1 flows
ARGV  1 how many at most  2 when somebody has to look at them again, in ms from now
Returns { id, ... }
]]
-- @include now
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local scored = {}
for i, id in ipairs(ids) do
  scored[2 * i - 1], scored[2 * i] = now + ARGV[2], id
end
if #ids > 0 then redis.call('ZADD', KEYS[1], unpack(scored)) end
return ids
