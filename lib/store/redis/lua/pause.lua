--[[
Pauses a queue, or the tasks of one name in it.

KEYS  1 paused  2 waiting  3 parked  4 handoff  5 watched
ARGV  1 "" for the queue, or "n:" and a name  2 channel prefix
Returns 1, 0 if it was paused before

Guarantee: the flag decides. No worker claims what it holds back from now on.
Cost: does not depend on the number of waiting tasks. If a name is paused as well, claims move what is left in waiting.
]]
-- @include now
-- @include enter
-- @include move-oldest
-- @include publish-to-watched
if redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%.0f', now)) == 0 then return 0 end
if ARGV[1] == '' then
  local ids = redis.call('LRANGE', KEYS[4], 0, -1) -- on their way to workers that wait: the oldest
  for _, id in ipairs(ids) do enter_first(KEYS[2], id) end
  if #ids > 0 then redis.call('UNLINK', KEYS[4]) end
  if redis.call('EXISTS', KEYS[3]) == 1 then
    move_oldest(KEYS[2], KEYS[3], 1000)
  elseif redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('RENAME', KEYS[2], KEYS[3])
  end
end
publish_to_watched(KEYS[5], ARGV[2], 'paused')
return 1
