--[[
Takes a task that does not run out of its lane. To be included after lane and door.

Defines leave_lane(first, prefix, id, has_run): whether it waited in the list of the lane. has_run: it may have started.
KEYS[first] and the six that follow are paused and those of gate_at; then come high, low, levels and the
keys of the lane.
KEYS[2] is waiting, and parked is the second key before `first`
]]
local function leave_lane(first, prefix, id, has_run)
  local gate, lane = gate_at(first + 1), lane_at(first + 10)
  redis.call('HDEL', gate.laned, id)
  local was_gated = redis.call('ZREM', gate.gated, id) == 1
  if was_gated and redis.call('LLEN', lane.list) <= 1000 then redis.call('LREM', lane.list, 0, id) end
  local change = { gone = { id }, ran = has_run and { id } or nil }
  move_lane(door(KEYS[2], KEYS[first - 2], KEYS[first]), gate, prefix, lane, change)
  return was_gated
end
