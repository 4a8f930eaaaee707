--[[
Cancels a task that has not finished.

KEYS  1 jobs  2 waiting  3 active  4 leftovers  5 watched  6 delayed  7 claims  8 stalls  9 progress  10 cancelling
      11 succeeded  12 failed  13 done:succeeded  14 done:failed  15 done:cancelled  16 done:expired
      17 parked  18 returning  19 paused  20 gated  21 laned  22 lanes
      23 limits  24 closed  25 crowded  26 high  27 low  28 levels
ARGV  1 id  2 record as the caller read it  3 record of the cancelled task  4 ttl of that record (ms)  5 channel prefix
Returns "cancelled" | "requested" (it is running, its worker was asked) | "changed" (the record is another by now:
      read it again) | "unknown"

More keys, if it has a lane: slots, list, tokens and starts of the lane.
Guarantee: no worker of ours starts a cancelled task. The worker of a running task is asked twice: by a message, and by
a mark that it finds at its next renewal.
]]
-- @include publish
-- @include leave
-- @include leftover
-- @include now
-- @include enter
-- @include door
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if record ~= ARGV[2] then return 'changed' end
local claim = redis.call('HGET', KEYS[7], id)
if claim then
  redis.call('SADD', KEYS[10], id)
  local worker = string.match(claim, '^(.*)%.%d+ ')
  if worker then redis.pcall('PUBLISH', ARGV[5] .. 'cancel:' .. worker, id) end
  return 'requested'
end
local delayed = redis.call('ZSCORE', KEYS[6], id)
-- A task without a claim may be held by a plain Bee-Queue worker, which cannot be asked.
if not delayed and redis.call('LLEN', KEYS[3]) > 0 and redis.call('LPOS', KEYS[3], id) then return 'requested' end
-- A write that adds comes first: a Redis that is out of memory refuses it, and rolls nothing back.
redis.call('HSET', KEYS[1], id, ARGV[3])
leave(6, { id })
if tonumber(ARGV[4]) <= 0 then
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[28], id)
else
  redis.call('ZADD', KEYS[15], now + ARGV[4], id)
end
if #KEYS > 28 then
  -- @include rate
  -- @include lane
  -- @include leave-lane
  use_levels(KEYS[2], KEYS[17], KEYS[26], KEYS[27], KEYS[28])
  if leave_lane(19, ARGV[5], id, delayed) then delayed = true end
end
if not delayed then unqueue(KEYS[4], { id }, { KEYS[2], KEYS[17], KEYS[18], KEYS[26], KEYS[27] }) end
if redis.call('HEXISTS', KEYS[19], '') == 0 then wake(KEYS[2], KEYS[26], KEYS[27]) end
publish_if_watched(KEYS[5], ARGV[5], id, 'cancelled')
return 'cancelled'
