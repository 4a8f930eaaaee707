--[[
Queues a failed task again.

KEYS  1 jobs  2 failed  3 done:failed  4 waiting  5 watched
ARGV  1 id  2 record as the caller read it  3 record with all attempts left  4 channel prefix
Returns "queued" | "changed" (the record is another by now: read it again) | "refused" (it has not failed)

Guarantee: a failed task is queued once, however many callers ask at the same time. Other tasks are not queued.
]]
-- @include publish
local id = ARGV[1]
if redis.call('HGET', KEYS[1], id) ~= ARGV[2] then return 'changed' end
if redis.call('SISMEMBER', KEYS[2], id) == 0 then return 'refused' end
redis.call('HSET', KEYS[1], id, ARGV[3])
redis.call('LPUSH', KEYS[4], id)
redis.call('SREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
publish_if_watched(KEYS[5], ARGV[4], id, 'waiting')
return 'queued'
