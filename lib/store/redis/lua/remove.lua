--[[
Removes a task that is not running, and everything that is stored about it.

KEYS  1 jobs  2 waiting  3 leftovers  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 returning
      17 paused  18 gated  19 laned  20 lanes  21 limits  22 closed  23 crowded  24 high  25 low  26 levels
ARGV  1 id  2 record as the caller read it, "" for whatever it is  3 prefix of keys
Returns "removed" | "active" | "unknown" | "changed" (the record is another by now)

More keys, if it has a lane: slots, list, tokens and starts of the lane.
]]
-- @include leave
-- @include leftover
-- @include now
-- @include enter
-- @include door
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if ARGV[2] ~= '' and record ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[5], id) == 1 then return 'active' end
local elsewhere = redis.call('ZSCORE', KEYS[4], id)
for i = 9, 10 do elsewhere = elsewhere or redis.call('SISMEMBER', KEYS[i], id) == 1 end
for i = 11, 14 do elsewhere = elsewhere or redis.call('ZSCORE', KEYS[i], id) end
redis.call('HDEL', KEYS[1], id)
leave(4, { id })
redis.call('HDEL', KEYS[26], id)
if #KEYS > 26 then
  -- @include rate
  -- @include lane
  -- @include leave-lane
  use_levels(KEYS[2], KEYS[15], KEYS[24], KEYS[25], KEYS[26])
  if leave_lane(17, ARGV[3], id, elsewhere) then elsewhere = true end
end
if not elsewhere then unqueue(KEYS[3], { id }, { KEYS[2], KEYS[15], KEYS[16], KEYS[24], KEYS[25] }) end
if redis.call('HEXISTS', KEYS[17], '') == 0 then wake(KEYS[2], KEYS[24], KEYS[25]) end
return 'removed'
