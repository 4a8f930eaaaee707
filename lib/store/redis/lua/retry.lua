--[[
Queues a failed task again.

KEYS  1 jobs  2 waiting  3 watched  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 paused
      17 gated  18 laned  19 lanes  20 limits  21 closed  22 crowded  23 high  24 low  25 levels
ARGV  1 id  2 record as the caller read it  3 record with all attempts left  4 channel prefix
Returns "queued" | "changed" (the record is another by now: read it again) | "refused" (it has not failed)

More keys, if it has a lane: slots, list, tokens and starts of the lane.
Guarantee: a failed task is queued once, however many callers ask at the same time. Other tasks are not queued.
]]
-- @include now
-- @include publish
-- @include enter
-- @include door
-- @include leave
local id = ARGV[1]
if redis.call('HGET', KEYS[1], id) ~= ARGV[2] then return 'changed' end
if redis.call('SISMEMBER', KEYS[10], id) == 0 then return 'refused' end
redis.call('HSET', KEYS[1], id, ARGV[3])
local list = door(KEYS[2], KEYS[15], KEYS[16])
use_levels(KEYS[2], KEYS[15], KEYS[23], KEYS[24], KEYS[25])
if #KEYS > 25 then
  -- @include rate
  -- @include lane
  move_lane(list, gate_at(17), ARGV[4], lane_at(26), { arrivals = { id }, gone = { id }, ran = { id } })
else
  enter(list, { id })
end
leave(4, { id })
publish_if_watched(KEYS[3], ARGV[4], id, 'waiting')
return 'queued'
