--[[
Frees the slots of tasks that have ended in a way that did not free them, and fills the free slots of a lane.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired  8 waiting
      9 parked  10 paused  11 gated  12 lanes  13 limits
ARGV  1 prefix of keys and channels
Returns 1 if there is more to do: call again, else 0

More keys: slots and list of the lane.
Guarantee: a task that has not ended keeps its slot.
]]
-- @include now
-- @include enter
-- @include door
-- @include is-unfinished
-- @include lane
local gone, slots, list = {}, unpack(KEYS, 14)
for _, id in ipairs(redis.call('SMEMBERS', slots)) do
  if not is_unfinished(id, KEYS[1], 2) then gone[#gone + 1] = id end
end
local gate = { gated = KEYS[11], lanes = KEYS[12], limits = KEYS[13] }
local size = redis.call('LLEN', list)
local is_empty = move_lane(door(KEYS[8], KEYS[9], KEYS[10]), gate, ARGV[1], slots, list, {}, gone)
local left = redis.call('LLEN', list)
return not is_empty and left > 0 and left < size and 1 or 0
