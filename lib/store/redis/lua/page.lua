--[[
One page of the ids of a state, in order: what waits or runs, oldest first; what is delayed, by when it is due; what has
ended, newest first.

KEYS  1 a list (waiting, active) or a sorted set (delayed, done:*)
ARGV  1 the last id of the page before, "" for the first  2 how many at the most  3 list | asc | desc  4 its place then
Returns { place of the last id, id, id, ... }; a place counts from the end that is read first

Guarantee: what is there all the while is on one page and no more than one, whatever comes and goes. Where the last id
has gone the pages begin anew: with a list all that was before it has gone too.
Cost: of the page; with a list also the way to the last id, where it is no more near its place: more than 1,000 before it
were taken meanwhile.
]]
local key, after, limit, kind = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]

-- Where the last id is in a list, from the right. An index is found node by node, a value by comparing all before it.
local function find(place)
  if redis.call('LINDEX', key, -1 - place) == after then return place end
  -- The right end loses what is claimed; it gets back a few that are released.
  local right = math.max(0, place - 1000)
  local near = redis.call('LRANGE', key, -101 - place, -1 - right)
  for i = #near, 1, -1 do
    if near[i] == after then return right + #near - i end
  end
  local at = redis.call('LPOS', key, after, 'RANK', -1)
  return at and redis.call('LLEN', key) - 1 - at
end

if kind == 'list' then
  local found = after ~= '' and find(tonumber(ARGV[4]) or 0)
  local first = found and found + 1 or 0
  local ids = redis.call('LRANGE', key, -first - limit, -1 - first)
  local page = { first + #ids - 1 }
  for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
  return page
end

local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
local ids = redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
return { first + #ids - 1, unpack(ids) }
