--[[
Frees the slots of tasks that have ended in a way that did not free them, and fills the free slots of a lane. Tokens
without a slot are those of tasks that ended while there were no rates: they are dropped.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired  8 waiting
      9 parked  10 paused  11 gated  12 laned  13 lanes  14 limits  15 closed
      16 crowded  17 high  18 low  19 levels  20 delayed
ARGV  1 prefix of keys and channels
Returns 1 if there is more to do: call again, else 0

More keys: slots, list, tokens and starts of the lane, and those of its common lane. Or those of the common lane alone,
which has turns for a list: it lets nothing in itself.
Guarantees:
1. A task that has not ended keeps its slot, unless it waits for one.
2. The oldest id of the list is that of a task that waits, also if the lane lets nothing in: ids that a purge left are
   not counted for as long as it is closed.
Cost: that of some commands for each 1,000 slots, and one look at each record.
]]
-- @include now
-- @include enter
-- @include door
-- @include rate
-- @include lane
use_levels(KEYS[8], KEYS[9], KEYS[17], KEYS[18], KEYS[19])
local gone, kept, lane = {}, {}, lane_at(21)

-- Those of the page that are in none of the keys of ended tasks, and wait for no slot.
local function are_unfinished(page)
  local unfinished = {}
  for i = 1, #page do unfinished[i] = true end
  for key = 2, 3 do
    for i, is_member in ipairs(redis.call('SMISMEMBER', KEYS[key], unpack(page))) do
      if is_member == 1 then unfinished[i] = false end
    end
  end
  for _, key in ipairs({ 4, 5, 6, 7, 11 }) do
    local scores = redis.call('ZMSCORE', KEYS[key], unpack(page))
    for i = 1, #page do
      if scores[i] then unfinished[i] = false end
    end
  end
  return unfinished
end

local ids = redis.call('SMEMBERS', lane.slots)
for from = 1, #ids, 1000 do
  local page = { unpack(ids, from, math.min(from + 999, #ids)) }
  local unfinished = are_unfinished(page)
  for i, id in ipairs(page) do
    local is_kept = unfinished[i] and redis.call('HEXISTS', KEYS[1], id) == 1
    table.insert(is_kept and kept or gone, id)
  end
end

-- Without rates the lane is remembered of delayed tasks only: there may have been rates until now.
local function forget_lanes(ids)
  for from = 1, #ids, 1000 do
    local page, queued = { unpack(ids, from, math.min(from + 999, #ids)) }, {}
    local dues = redis.call('ZMSCORE', KEYS[20], unpack(page))
    for i, id in ipairs(page) do
      if not dues[i] then queued[#queued + 1] = id end
    end
    call_many('HDEL', KEYS[12], queued)
  end
end

local function drop_tokens()
  local has_slot, dropped = {}, {}
  for _, id in ipairs(ids) do has_slot[id] = true end
  for _, id in ipairs(redis.call('SMEMBERS', lane.tokens)) do
    if not has_slot[id] then dropped[#dropped + 1] = id end
  end
  call_many('SREM', lane.tokens, dropped)
end

local function sweep_common(name, rules)
  local common = common_at(ARGV[1], name, rules)
  if common then
    drop_tokens()
    common.spend(gone)
    common.leave(gone)
    common.plan(KEYS[15])
  else
    redis.call('DEL', lane.slots, lane.list, lane.tokens)
  end
  if redis.call('EXISTS', lane.slots, lane.list) == 0 then redis.call('ZREM', KEYS[13], name) end
  return 0
end

-- Returns how many ids were dropped, the oldest ones. It comes last: the list may be gone then.
local function drop_purged()
  local function is_purged(id) return not redis.call('ZSCORE', KEYS[11], id) end
  local oldest = redis.call('LRANGE', lane.list, -1, -1)
  if not oldest[1] or not is_purged(oldest[1]) then return 0 end
  local page, count = redis.call('LRANGE', lane.list, -1000, -1), 0
  for i = #page, 1, -1 do
    if not is_purged(page[i]) then break end
    count = count + 1
  end
  redis.call('LTRIM', lane.list, 0, -count - 1)
  return count
end

local name = string.sub(lane.slots, #ARGV[1] + 7)
local _, rates, rules = rules_of(KEYS[14], name)
if not string.find(name, ' ', 1, true) then return sweep_common(name, rules) end
-- Those that took their slots before the task had a common lane have slots there too.
if rules and rules.max < NO_LIMIT then call_many('SADD', common_at(ARGV[1], name, rules).slots, kept) end
drop_tokens()
if not is_rated(rates, rules) and redis.call('EXISTS', KEYS[12]) == 1 then forget_lanes(kept) end
local size = redis.call('LLEN', lane.list)
local change = { gone = gone, ran = gone, is_look = true }
local is_empty = move_lane(door(KEYS[8], KEYS[9], KEYS[10]), gate_at(11), ARGV[1], lane, change)
local left = redis.call('LLEN', lane.list)
return not is_empty and left > 0 and (left < size or drop_purged() > 0) and 1 or 0
