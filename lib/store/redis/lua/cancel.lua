--[[
Cancels a task that has not finished.

KEYS  1 jobs  2 claims  3 cancelling  4 delayed  5 waiting  6 active  7 done:cancelled  8 stalls  9 progress  10 watched
ARGV  1 id  2 record as the caller read it  3 record of the cancelled task  4 ttl of that record (ms)  5 channel prefix
Returns "cancelled" | "requested" (it is running, its worker was asked) | "changed" (the record is another by now:
      read it again) | "unknown"

Guarantee: no worker of ours starts a cancelled task. The worker of a running task is asked twice: by a message, and by
a mark that it finds at its next renewal.
]]
-- @include publish
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if record ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[2], id) == 1 then
  redis.call('SADD', KEYS[3], id)
  redis.call('PUBLISH', ARGV[5] .. 'cancel', id)
  return 'requested'
end
local delayed = redis.call('ZSCORE', KEYS[4], id)
-- A task without a claim may be held by a plain Bee-Queue worker, which cannot be asked.
if not delayed and redis.call('LLEN', KEYS[6]) > redis.call('HLEN', KEYS[2]) and redis.call('LPOS', KEYS[6], id) then
  return 'requested'
end
if tonumber(ARGV[4]) <= 0 then
  redis.call('HDEL', KEYS[1], id)
else
  -- @include now
  redis.call('HSET', KEYS[1], id, ARGV[3])
  redis.call('ZADD', KEYS[7], now + ARGV[4], id)
end
redis.call('ZREM', KEYS[4], id)
-- In a long queue the search costs too much: the id stays in waiting, and the worker that claims it drops it.
if not delayed and redis.call('LLEN', KEYS[5]) <= 1000 then redis.call('LREM', KEYS[5], 0, id) end
redis.call('HDEL', KEYS[8], id)
redis.call('HDEL', KEYS[9], id)
publish_if_watched(KEYS[10], ARGV[5], id, 'cancelled')
return 'cancelled'
