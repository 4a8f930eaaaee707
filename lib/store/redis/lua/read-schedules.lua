--[[
Reads the schedules of a queue.

KEYS  1 schedules  2 scheduleStates  3 ticks  4 heldTicks
ARGV  1 "all" | "due" (a tick is due, or waits for the task before it) | "ids"  2 and more: ids for "ids"
Returns { now (ms), id, definition, state, id, definition, state, ... }

Cost: at most 100 due ticks a call.
]]
-- @include now
local ids = {}
if ARGV[1] == 'all' then
  ids = redis.call('HKEYS', KEYS[1])
elseif ARGV[1] == 'due' then
  ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)
  local seen = {}
  for _, id in ipairs(ids) do seen[id] = true end
  for _, id in ipairs(redis.call('SRANDMEMBER', KEYS[4], 100)) do
    if not seen[id] then ids[#ids + 1] = id end
  end
else
  for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
end
local reply = { now }
for _, id in ipairs(ids) do
  local spec, state = redis.call('HGET', KEYS[1], id), redis.call('HGET', KEYS[2], id)
  if spec and state then
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, spec, state
  end
end
return reply
