--[[
Gives claimed tasks back to their queue: those that were claimed and not started, or were aborted by a shutdown.

KEYS  1 waiting  2 active  3 claims  4 stalling  5 progress  6 cancelling  7 watched
ARGV  1 channel prefix, then for each task, in the order in which they were claimed: id, claim token
Returns for each task: 1 given back, 0 not the token's (any more), 2 refused: a cancel was asked for

Guarantee: they are the next to be claimed, in their old order; no attempt was spent.
]]
local replies = {}
for i = #ARGV - 1, 2, -2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[3], id)
  local code = 1
  if not claim or string.sub(claim, 1, #token + 1) ~= token .. ' ' then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[6], id) == 1 then
    code = 2
  else
    redis.call('HSET', KEYS[3], id, claim) -- refused, and nothing lost, where Redis is out of memory
    if redis.call('LREM', KEYS[2], -1, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
    redis.call('HDEL', KEYS[3], id)
    redis.call('SREM', KEYS[4], id)
    redis.call('HDEL', KEYS[5], id)
    -- Consumers take from the right: what is pushed there last goes first.
    redis.call('RPUSH', KEYS[1], id)
    if redis.call('ZSCORE', KEYS[7], id) then redis.call('PUBLISH', ARGV[1] .. 'task:' .. id, 'waiting') end
  end
  replies[i / 2] = code
end
return replies
