--[[
The list that ids enter: waiting, or parked while the queue is paused.

Defines door(waiting, parked, paused)
]]
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
