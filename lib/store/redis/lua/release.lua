--[[
Gives claimed tasks back to their queue: tasks that were not started, or that a shutdown aborted.

KEYS  1 waiting  2 claims  3 progress  4 cancelling  5 watched  6 parked  7 paused  8 high  9 low  10 levels
ARGV  1 channel prefix, then for each task, in the order in which they were claimed: id, claim token
Returns for each task: 1 given back, 0 the claim is not the token's, 2 refused: a cancel was requested

Guarantee: they are the next to be claimed, in their old order. No attempt was spent.
]]
-- @include owner
-- @include publish
-- @include enter
-- @include door
use_levels(KEYS[1], KEYS[6], KEYS[8], KEYS[9], KEYS[10])
local replies, list = {}, door(KEYS[1], KEYS[6], KEYS[7])
for i = #ARGV - 1, 2, -2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local code = 1
  if not is_owner(token, redis.call('HGET', KEYS[2], id)) then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[4], id) == 1 then
    code = 2
  else
    -- A Redis that is out of memory refuses this write before anything is removed.
    enter_first(list, id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    publish_if_watched(KEYS[5], ARGV[1], id, 'waiting')
  end
  replies[i / 2] = code
end
return replies
