--[[
Gives a delayed task, or one that waits for its next attempt, another due time. Who queues due tasks does the rest.

KEYS  1 delayed  2 watched
ARGV  1 id  2 due time (ms since 1970), "" for now  3 channel prefix
Returns 1 if it is due then, 0 if it waits for no time
]]
-- @include now
-- @include publish
local id, due = ARGV[1], ARGV[2] == '' and string.format('%.0f', now) or ARGV[2]
if not redis.call('ZSCORE', KEYS[1], id) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', due, id)
redis.pcall('PUBLISH', ARGV[3] .. 'earlierDelayed', due)
publish_if_watched(KEYS[2], ARGV[3], id, 'delayed')
return 1
