--[[
Reads one page of the ids of a state, in order: waiting and active tasks oldest first, delayed tasks by due time,
finished tasks newest first.

KEYS  1 a list, of which more may follow, one behind the other, or a sorted set
ARGV  1 last id of the page before, "" for the first page  2 how many ids at most  3 list | asc | desc
      4 position of that last id at the time
Returns { position of the last id, id, id, ... }. Positions count from the end that is read first.

Guarantee: a task that stays in the state is on one page and on no other, whatever comes and goes. If the last id has
left the state, paging starts again at the beginning. In a list everything before that id has left too.
Cost: that of the page. In a list the search for the last id is added, if more than 1,000 ids before it were taken.
]]
local after, limit, kind = ARGV[1], tonumber(ARGV[2]), ARGV[3]

-- The position of the last id in a list, from the right. Redis finds an index node by node, but a value by comparing
-- all values before it.
local function find(key, position)
  if redis.call('LINDEX', key, -1 - position) == after then return position end
  -- Ids leave at the right end when they are claimed. A few come back when they are released.
  local right = math.max(0, position - 1000)
  local near = redis.call('LRANGE', key, -101 - position, -1 - right)
  for i = #near, 1, -1 do
    if near[i] == after then return right + #near - i end
  end
  local at = redis.call('LPOS', key, after, 'RANK', -1)
  return at and redis.call('LLEN', key) - 1 - at
end

if kind == 'list' then
  local sizes, before, first = {}, 0, 0
  for n, key in ipairs(KEYS) do
    sizes[n] = redis.call('LLEN', key)
    local found = after ~= '' and first == 0 and sizes[n] > 0
      and find(key, math.max(0, (tonumber(ARGV[4]) or 0) - before))
    if found then first = before + found + 1 end
    before = before + sizes[n]
  end
  local page, skipped = { 0 }, first
  for n, key in ipairs(KEYS) do
    local left = limit - #page + 1
    local ids = left > 0 and redis.call('LRANGE', key, -skipped - left, -1 - skipped) or {}
    for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
    skipped = math.max(0, skipped - sizes[n])
  end
  page[1] = first + #page - 2
  return page
end

local key = KEYS[1]

local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
local ids = redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
return { first + #ids - 1, unpack(ids) }
