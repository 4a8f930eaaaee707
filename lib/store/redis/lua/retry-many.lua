--[[
Queues failed tasks again, in the order of the arguments. None of them has a lane: for those see retry.lua.

KEYS  1 jobs  2 waiting  3 watched  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 paused  17 high  18 low
      19 levels
ARGV  1 channel prefix; then for each task: its id, its record as the caller read it, its record with all attempts left
Returns for each "queued" | "changed" (the record is another by now: read it again) | "refused" (it has not failed)

Guarantee: a failed task is queued once, however many callers ask, and however often it is among the arguments.
]]
-- @include publish-many
-- @include enter
-- @include door
-- @include leave
local replies, queued, changes = {}, {}, {}
for i = 2, #ARGV, 3 do
  local id, reply = ARGV[i], 'queued'
  if redis.call('HGET', KEYS[1], id) ~= ARGV[i + 1] then
    reply = 'changed'
  elseif redis.call('SREM', KEYS[10], id) == 0 then
    reply = 'refused'
  else
    redis.call('HSET', KEYS[1], id, ARGV[i + 2])
    queued[#queued + 1] = id
    changes[#changes + 1] = 'waiting'
  end
  replies[#replies + 1] = reply
end
if #queued > 0 then
  use_levels(KEYS[2], KEYS[15], KEYS[17], KEYS[18], KEYS[19])
  enter(door(KEYS[2], KEYS[15], KEYS[16]), queued)
  leave(4, queued)
  publish_watched(KEYS[3], ARGV[1], queued, changes)
end
return replies
