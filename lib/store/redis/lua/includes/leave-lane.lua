--[[
Takes a task that does not run out of its lane. To be included after lane and door.

Defines leave_lane(first, prefix, id): whether it waited in the list of the lane. KEYS[first] and the four that follow
are paused, gated, laned, lanes, limits; then come high, low, levels, and slots and list of the lane. KEYS[2] is
waiting, and parked is the second key before `first`
]]
local function leave_lane(first, prefix, id)
  local gate = { gated = KEYS[first + 1], lanes = KEYS[first + 3], limits = KEYS[first + 4] }
  local slots, list = KEYS[first + 8], KEYS[first + 9]
  redis.call('HDEL', KEYS[first + 2], id)
  if redis.call('ZREM', gate.gated, id) == 1 then
    if redis.call('LLEN', list) <= 1000 then redis.call('LREM', list, 0, id) end
    move_lane(door(KEYS[2], KEYS[first - 2], KEYS[first]), gate, prefix, slots, list, {}, {})
    return true
  end
  move_lane(door(KEYS[2], KEYS[first - 2], KEYS[first]), gate, prefix, slots, list, {}, { id })
  return false
end
