--[[
One page of the ids of a state, in order: what waits or runs, oldest first; what is delayed, by when it is due; what has
ended, newest first.

KEYS  1 a list (waiting, active) or a sorted set (delayed, done:*)
ARGV  1 the last id of the page before, "" for the first  2 how many at the most  3 list | asc | desc
Returns { id, id, ... }

Guarantee: what is there all the while is on one page and no more than one, whatever comes and goes. Where the last id
has gone the pages begin anew: with a list all that was before it has gone too.
Cost: of the page; with a list also the way to the last id.
]]
local key, after, limit, kind = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]

if kind == 'list' then
  local last = redis.call('LLEN', key) - 1
  local at = after ~= '' and redis.call('LPOS', key, after, 'RANK', -1)
  if at then last = at - 1 end
  if last < 0 then return {} end
  local ids, page = redis.call('LRANGE', key, math.max(0, last - limit + 1), last), {}
  for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
  return page
end

local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
return redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
