--[[
Gives claimed tasks back to their queue: tasks that were not started, or that a shutdown aborted.

KEYS  1 waiting  2 active  3 claims  4 stalling  5 progress  6 cancelling  7 watched
ARGV  1 channel prefix, then for each task, in the order in which they were claimed: id, claim token
Returns for each task: 1 given back, 0 the claim is not the token's, 2 refused: a cancel was requested

Guarantee: they are the next to be claimed, in their old order. No attempt was spent.
]]
-- @include owner
-- @include publish
local replies = {}
for i = #ARGV - 1, 2, -2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[3], id)
  local code = 1
  if not is_owner(token, claim) then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[6], id) == 1 then
    code = 2
  else
    -- A Redis that is out of memory refuses this write, which changes nothing, before anything is removed.
    redis.call('HSET', KEYS[3], id, claim)
    if redis.call('LREM', KEYS[2], -1, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
    redis.call('HDEL', KEYS[3], id)
    redis.call('SREM', KEYS[4], id)
    redis.call('HDEL', KEYS[5], id)
    -- Workers take from the right: the last id that is pushed there is claimed first.
    redis.call('RPUSH', KEYS[1], id)
    publish_if_watched(KEYS[7], ARGV[1], id, 'waiting')
  end
  replies[i / 2] = code
end
return replies
