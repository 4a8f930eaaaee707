--[[
Returns flows that somebody has to look at, and moves their time on: of those who call, one gets each.

KEYS  1 flows
ARGV  1 how many at most  2 when somebody has to look at them again, in ms from now  3 no look is planned for later than
      that, in ms from now, "" for any time
Returns { id, ... }
]]
-- @include now
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
-- Later ones were planned before the clock was set back.
if ARGV[3] ~= '' then
  local later = string.format('(%.0f', now + ARGV[3])
  local far = redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, ARGV[1] - #ids)
  for _, id in ipairs(far) do ids[#ids + 1] = id end
end
local scored = {}
for i, id in ipairs(ids) do
  scored[2 * i - 1], scored[2 * i] = now + ARGV[2], id
end
if #ids > 0 then redis.call('ZADD', KEYS[1], unpack(scored)) end
return ids
