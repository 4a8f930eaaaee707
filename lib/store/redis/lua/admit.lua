--[[
Lets delayed tasks that are due enter waiting, as far as their lanes have free slots.

KEYS  1 jobs  2 waiting  3 parked  4 paused  5 delayed  6 gated  7 laned  8 lanes  9 limits
      10 high  11 low  12 levels
ARGV  1 prefix of keys and channels, then for each task: id, number of its lane
Returns how many left delayed. The others have left it before

More keys: slots and list of lane 1, of lane 2 and so on.
Guarantee: of callers that name the same task one moves it.
]]
-- @include now
-- @include enter
-- @include door
-- @include lane
use_levels(KEYS[2], KEYS[3], KEYS[10], KEYS[11], KEYS[12])
local gate = { gated = KEYS[6], lanes = KEYS[8], limits = KEYS[9] }
local lanes, moved = {}, {}
for i = 2, #ARGV, 2 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  local due = redis.call('ZSCORE', KEYS[5], id)
  if due and tonumber(due) <= now then
    moved[#moved + 1] = id
    if redis.call('HEXISTS', KEYS[1], id) == 1 then
      lanes[number] = lanes[number] or {}
      table.insert(lanes[number], id)
    end
  end
end
if #moved == 0 then return 0 end
local waiting = door(KEYS[2], KEYS[3], KEYS[4])
for number, ids in pairs(lanes) do
  move_lane(waiting, gate, ARGV[1], KEYS[11 + 2 * number], KEYS[12 + 2 * number], ids, {})
end
redis.call('ZREM', KEYS[5], unpack(moved))
redis.call('HDEL', KEYS[7], unpack(moved))
return #moved
