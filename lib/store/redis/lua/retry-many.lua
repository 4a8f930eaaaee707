--[[
Queues failed tasks again, in the order of the arguments. None of them has a lane: for those see retry.lua.

KEYS  1 jobs  2 waiting  3 watched  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 paused  17 high  18 low
      19 levels
ARGV  1 channel prefix; then for each task: its id, until when its record stays as the caller found it before it read
      the record, and its record with all attempts left
Returns for each "queued" | "changed" (it has ended again, or has not failed: read it again)

No record is read: Lua needs 1 ns for each byte of a text that it is given. A record of a failed task is another only if
it has failed again, and then it stays until another time.

Guarantee: a failed task is queued once, however many callers ask, and however often it is among the arguments.
]]
-- @include publish-many
-- @include enter
-- @include door
-- @include leave
local ids, count = {}, 0
for i = 2, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local failed = redis.call('SMISMEMBER', KEYS[10], unpack(ids))
local untils = redis.call('ZMSCORE', KEYS[12], unpack(ids))
local replies, queued, changes, written, seen, n = {}, {}, {}, {}, {}, 0
for i = 1, count do
  local id = ids[i]
  if failed[i] == 0 or untils[i] ~= ARGV[3 * i] or seen[id] then
    replies[i] = 'changed'
  else
    seen[id] = true
    replies[i] = 'queued'
    n = n + 1
    queued[n] = id
    changes[n] = 'waiting'
    written[2 * n - 1] = id
    written[2 * n] = ARGV[3 * i + 1]
  end
end
if n > 0 then
  redis.call('HSET', KEYS[1], unpack(written))
  use_levels(KEYS[2], KEYS[15], KEYS[17], KEYS[18], KEYS[19])
  enter(door(KEYS[2], KEYS[15], KEYS[16]), queued)
  leave(4, queued)
  publish_watched(KEYS[3], ARGV[1], queued, changes)
end
return replies
