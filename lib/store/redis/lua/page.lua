--[[
Reads one page of the ids of a state, in order: waiting and active tasks oldest first, delayed tasks by due time,
finished tasks newest first.

KEYS  1 a sorted set; or the lists of waiting tasks and a sorted set, one behind the other
ARGV  1 last id of the page before, "" for the first page  2 how many ids at most  3 list | asc | desc
      4 position of that last id at the time
Returns { position of the first id, id, id, ... }. Positions count from the end that is read first.

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

local function size_of(n) return redis.call(n == #KEYS and 'ZCARD' or 'LLEN', KEYS[n]) end

local function find_in(n, position)
  if n == #KEYS then return redis.call('ZRANK', KEYS[n], after) end
  return find(KEYS[n], position)
end

-- The oldest last, as in a list.
local function slice(n, from, count)
  if count <= 0 then return {} end
  if n < #KEYS then return redis.call('LRANGE', KEYS[n], -from - count, -1 - from) end
  local size = redis.call('ZCARD', KEYS[n])
  return redis.call('ZREVRANGE', KEYS[n], math.max(0, size - from - count), size - 1 - from)
end

if kind == 'list' then
  local sizes, before, first = {}, 0, 0
  for n = 1, #KEYS do
    sizes[n] = size_of(n)
    local found = after ~= '' and first == 0 and sizes[n] > 0
      and find_in(n, math.max(0, (tonumber(ARGV[4]) or 0) - before))
    if found then first = before + found + 1 end
    before = before + sizes[n]
  end
  local page, skipped = { first }, first
  for n = 1, #KEYS do
    local ids = skipped < sizes[n] and slice(n, skipped, limit + 1 - #page) or {}
    for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
    skipped = math.max(0, skipped - sizes[n])
  end
  return page
end

local key = KEYS[1]
local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
local page = redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
table.insert(page, 1, first)
return page
