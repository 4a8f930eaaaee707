--[[
Gives a delayed task, or one that waits for its next attempt, another due time. Who queues due tasks does the rest.

KEYS  1 delayed  2 watched  3 jobs
ARGV  1 id  2 due time (ms since 1970), "" for now  3 channel prefix
Returns 1 if it is due then, 0 if it waits for no time

The record of a task that was never started says when it is due: how long it waits is counted from there.
]]
-- @include now
-- @include publish
local id, due = ARGV[1], ARGV[2] == '' and string.format('%.0f', now) or ARGV[2]
if not redis.call('ZSCORE', KEYS[1], id) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', due, id)
local record = redis.call('HGET', KEYS[3], id) or ''
local last = string.sub(record, -4096) -- the options are at its end
local data, options = string.match(last, '^(.*"options":)({"timestamp":.*},"status":"created","progress":null})$')
local before, after = string.match(options or '', '^(.-[{,]"delay":)%d%d%d%d%d%d%d%d%d%d%d+(.*)$')
if before then redis.call('HSET', KEYS[3], id, string.sub(record, 1, -4097) .. data .. before .. due .. after) end
redis.pcall('PUBLISH', ARGV[3] .. 'earlierDelayed', due)
publish_if_watched(KEYS[2], ARGV[3], id, 'delayed')
return 1
