--[[
Stores stage and progress of a running task.

KEYS  1 claims  2 progress  3 watched
ARGV  1 id  2 claim token  3 stage and progress, as JSON  4 channel prefix
Returns 1 stored, 0 not the token's (any more)
]]
local claim = redis.call('HGET', KEYS[1], ARGV[1])
if not claim or string.sub(claim, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then redis.call('PUBLISH', ARGV[4] .. 'task:' .. ARGV[1], 'progress') end
return 1
