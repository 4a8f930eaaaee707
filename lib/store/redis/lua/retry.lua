--[[
Queues a failed task again.

KEYS  1 jobs  2 failed  3 done:failed  4 waiting  5 watched
ARGV  1 id  2 the record as the caller read it  3 the record with clean counters  4 channel prefix
Returns "queued" | "changed" (the record is another by now: read again) | "refused" (it has not failed)

Guarantee: only a task that has failed is queued, once however many ask.
]]
local id = ARGV[1]
if redis.call('HGET', KEYS[1], id) ~= ARGV[2] then return 'changed' end
if redis.call('SISMEMBER', KEYS[2], id) == 0 then return 'refused' end
redis.call('HSET', KEYS[1], id, ARGV[3])
redis.call('LPUSH', KEYS[4], id)
redis.call('SREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
if redis.call('ZSCORE', KEYS[5], id) then redis.call('PUBLISH', ARGV[4] .. 'task:' .. id, 'waiting') end
return 'queued'
