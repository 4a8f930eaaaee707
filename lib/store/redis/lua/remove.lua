--[[
Removes a task that is not running, and everything that is stored about it.

KEYS  1 jobs  2 waiting  3 leftovers  4 watched  5 delayed  6 claims  7 stalls  8 progress  9 cancelling  10 succeeded
      11 failed  12 done:succeeded  13 done:failed  14 done:cancelled  15 done:expired  16 parked  17 returning
      18 paused  19 gated  20 laned  21 lanes  22 limits  23 closed  24 crowded  25 high  26 low  27 levels
ARGV  1 id  2 record as the caller read it, "" for whatever it is  3 prefix of keys and channels
Returns "removed" | "active" | "unknown" | "changed" (the record is another by now)

More keys, if it has a lane: slots, list, tokens and starts of the lane.
]]
-- @include leave
-- @include leftover
-- @include now
-- @include enter
-- @include door
-- @include publish
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if ARGV[2] ~= '' and record ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[6], id) == 1 then return 'active' end
local elsewhere = redis.call('ZSCORE', KEYS[5], id)
for i = 10, 11 do elsewhere = elsewhere or redis.call('SISMEMBER', KEYS[i], id) == 1 end
for i = 12, 15 do elsewhere = elsewhere or redis.call('ZSCORE', KEYS[i], id) end
redis.call('HDEL', KEYS[1], id)
leave(5, { id })
redis.call('HDEL', KEYS[27], id)
if #KEYS > 27 then
  -- @include rate
  -- @include lane
  -- @include leave-lane
  use_levels(KEYS[2], KEYS[16], KEYS[25], KEYS[26], KEYS[27])
  if leave_lane(18, ARGV[3], id, elsewhere) then elsewhere = true end
end
if not elsewhere then unqueue(KEYS[3], { id }, { KEYS[2], KEYS[16], KEYS[17], KEYS[25], KEYS[26] }) end
if redis.call('HEXISTS', KEYS[18], '') == 0 then wake(KEYS[2], KEYS[25], KEYS[26]) end
publish_if_watched(KEYS[4], ARGV[3], id, 'removed')
return 'removed'
