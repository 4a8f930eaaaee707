--[[
Lets delayed tasks that are due enter waiting, as far as their lanes have free slots.

KEYS  1 jobs  2 waiting  3 parked  4 paused  5 delayed  6 gated  7 laned  8 lanes  9 limits
      10 closed  11 crowded  12 high  13 low  14 levels
ARGV  1 prefix of keys and channels  2 how many may enter from each lane, if their common lane says that it is their
      turn, else "0", then for each task: id, number of its lane. An empty id: only look at the lane
Returns how many left delayed. The others have left it before

More keys: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantee: of callers that name the same task one moves it.
]]
-- @include now
-- @include enter
-- @include door
-- @include rate
-- @include lane
use_levels(KEYS[2], KEYS[3], KEYS[12], KEYS[13], KEYS[14])
local gate, lanes, moved = gate_at(6), {}, {}
local quota = ARGV[2] ~= '0' and tonumber(ARGV[2]) or nil
for i = 3, #ARGV, 2 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  lanes[number] = lanes[number] or { lane = lane_at(11 + 4 * number), arrivals = {}, heads = {} }
  local change = lanes[number]
  local due = id ~= '' and redis.call('ZSCORE', KEYS[5], id)
  if due and tonumber(due) <= now then
    moved[#moved + 1] = id
    if redis.call('HEXISTS', KEYS[1], id) == 1 then
      local has_slot = redis.call('SISMEMBER', change.lane.slots, id) == 1
      table.insert(has_slot and change.heads or change.arrivals, id)
    end
  end
end
local waiting = door(KEYS[2], KEYS[3], KEYS[4])
-- The first write is one that a Redis that is out of memory refuses. With a rate, laned is written again below.
if #moved > 0 then redis.call('ZADD', KEYS[5], 'XX', now, moved[1]) end
call_many('ZREM', KEYS[5], moved)
call_many('HDEL', KEYS[7], moved)
for _, change in ipairs(lanes) do -- lanes are numbered in the order in which they come
  change.ran, change.quota = change.heads, quota
  move_lane(waiting, gate, ARGV[1], change.lane, change)
end
return #moved
