--[[
Cancels a task that has not ended.

KEYS  1 jobs  2 claims  3 cancelling  4 delayed  5 waiting  6 active  7 done:cancelled  8 stalls  9 progress  10 watched
ARGV  1 id  2 the record as the caller read it  3 the record as cancelled  4 how long it stays (ms)  5 channel prefix
Returns "cancelled" | "requested" (it runs: its worker is told) | "changed" (the record is another by now: read again)
      | "unknown"

Guarantee: a task that was not started never will be by a worker of ours; a running one is told, by message and by
a mark that its worker finds at its next renewal.
]]
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
-- A plain Bee-Queue worker holds it; it has no way to be told.
if not delayed and redis.call('LLEN', KEYS[6]) > redis.call('HLEN', KEYS[2]) and redis.call('LPOS', KEYS[6], id) then return 'requested' end
if tonumber(ARGV[4]) <= 0 then
  redis.call('HDEL', KEYS[1], id)
else
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], id, ARGV[3])
  redis.call('ZADD', KEYS[7], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4], id)
end
redis.call('ZREM', KEYS[4], id)
-- In a long queue the search would cost more than it gives: the id stays, and who claims it drops it.
if not delayed and redis.call('LLEN', KEYS[5]) <= 1000 then redis.call('LREM', KEYS[5], 0, id) end
redis.call('HDEL', KEYS[8], id)
redis.call('HDEL', KEYS[9], id)
if redis.call('ZSCORE', KEYS[10], id) then redis.call('PUBLISH', ARGV[5] .. 'task:' .. id, 'cancelled') end
return 'cancelled'
