--[[
Ends the pause of a queue, or of the tasks of one name in it.

KEYS  1 paused  2 waiting  3 parked  4 returning  5 watched  6 high  7 low
ARGV  1 "" for the queue, or "n:" and a name  2 channel prefix
Returns 1, 0 if it was not paused, 2 if the caller has to call again

Guarantee: what was held back comes first, in its old order. Tasks of a name that is still paused are parked again by
the claims that meet them.
Cost: that of 1,000 ids, however many wait.
]]
-- @include enter
-- @include move-oldest
-- @include publish-to-watched
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local ends = ARGV[1] == '' or redis.call('HEXISTS', KEYS[1], '') == 0
if ends and redis.call('EXISTS', KEYS[3]) == 1 then
  local size = redis.call('LLEN', KEYS[2])
  if size > 1000 and redis.call('EXISTS', KEYS[4]) == 1 then
    move_oldest(KEYS[4], KEYS[3], 1000)
    return 2
  end
  if size > 1000 then
    redis.call('RENAME', KEYS[2], KEYS[4])
  else
    move_oldest(KEYS[2], KEYS[3], 1000)
  end
  redis.call('RENAME', KEYS[3], KEYS[2])
end
redis.call('HDEL', KEYS[1], ARGV[1])
if ends then wake(KEYS[2], KEYS[6], KEYS[7]) end
publish_to_watched(KEYS[5], ARGV[2], 'resumed')
return 1
