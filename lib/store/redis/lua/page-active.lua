--[[
Reads one page of the ids of active tasks: ours by the time of their claim, then those that plain Bee-Queue workers
hold.

KEYS  1 claims  2 active
ARGV  1 last id of the page before, "" for the first page  2 how many ids at most  3 position of that last id
Returns { id, its position, id, its position, ... }

Guarantee: a task that stays active is on one page and on no other. If the last id is not active any more, paging starts
again: at the beginning, or, above 1,000 tasks, a few ids earlier. Not if their number passes 1,000 meanwhile, and above
it a task may be on two pages while Redis enlarges the hash.
Cost: that of the page. Above 1,000 tasks they come in no order, because to sort them all would take too long.
]]
-- @include scan-active
local after, limit, position = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local claims, size = KEYS[1], redis.call('HLEN', KEYS[1])

local function sorted_ids()
  local all, ids = redis.call('HGETALL', claims), {}
  local since = {}
  for i = 1, #all, 2 do
    ids[#ids + 1] = all[i]
    since[all[i]] = tonumber(string.match(all[i + 1], ' (%d+)') or 0)
  end
  table.sort(ids, function(one, other)
    if since[one] ~= since[other] then return since[one] < since[other] end
    return one < other
  end)
  for _, id in ipairs(held_by_plain_workers()) do ids[#ids + 1] = id end
  return ids
end

local page, count = {}, 0
local function add(id, at)
  count = count + 1
  page[2 * count - 1], page[2 * count] = id, at
end

if size <= 1000 then
  local ids = sorted_ids()
  local first = after == '' and 0 or index_of(ids, after)
  local last = math.min(first + limit, #ids)
  for i = first + 1, last do add(ids[i], i - 1) end
  return page
end

-- The position of an id is the cursor with which a scan goes on behind it: that of its bucket, or of the next one.
local cursor = after == '' and '0' or position
repeat
  local next_cursor, ids = scan_active(cursor)
  local first = index_of(ids, after)
  for i = first + 1, math.min(#ids, first + limit - count) do
    local is_last = i == #ids and next_cursor ~= '0'
    add(ids[i], tonumber(is_last and next_cursor or cursor))
  end
  cursor = next_cursor
until cursor == '0' or count >= limit
return page
