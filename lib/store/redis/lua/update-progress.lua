--[[
Stores stage and progress of a running task.

KEYS  1 claims  2 progress  3 watched
ARGV  1 id  2 claim token  3 stage and progress, as JSON  4 channel prefix
      5 event, for a plain Bee-Queue producer that listens. Missing for all other tasks
Returns 1 stored, 0 the claim is not the token's
]]
-- @include owner
-- @include publish
if not is_owner(ARGV[2], redis.call('HGET', KEYS[1], ARGV[1])) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
publish_if_watched(KEYS[3], ARGV[4], ARGV[1], 'progress')
if ARGV[5] then redis.pcall('PUBLISH', ARGV[4] .. 'events', ARGV[5]) end
return 1
