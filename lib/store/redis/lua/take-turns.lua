--[[
Says which lanes may go on, of those that wait for the common lane of their task.

KEYS  1 limits  2 closed
ARGV  1 prefix of keys and channels  2 name of the task  3 how many lanes at most
Returns { how many tasks may enter from each lane, lane, lane, ... }: see admit.lua

More keys: slots, turns, tokens and starts of the common lane.
If the caller dies, the look of each lane finds them.
]]
-- @include now
-- @include rate
-- @include common-lane
local _, _, rules = rules_of(KEYS[1], ARGV[2])
local common = common_at(ARGV[1], ARGV[2], rules)
if not common then return { 0 } end
local room = common.room()
local count = math.min(room, redis.call('ZCARD', common.turns), ARGV[3])
if count < 1 then
  common.plan(KEYS[2])
  return { 0 }
end
return { math.floor(room / count), unpack(redis.call('ZRANGE', common.turns, 0, count - 1)) }
