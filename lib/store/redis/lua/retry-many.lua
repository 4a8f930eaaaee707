--[[
Queues failed tasks again, in the order of the arguments. None of them has a lane: for those see retry.lua.

KEYS  1 jobs  2 waiting  3 watched  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 paused  17 high  18 low
      19 levels
ARGV  1 channel prefix; then for each task: its id, its record as the caller read it (see as-read.lua), how many
      bytes of that remain, and what follows them in its record with all attempts left
Returns for each "queued" | "changed" (the record is another by now: read it again) | "refused" (it has not failed)

Guarantee: a failed task is queued once, however many callers ask, and however often it is among the arguments.
]]
-- @include publish-many
-- @include enter
-- @include door
-- @include leave
-- @include as-read
local ids = {}
for i = 2, #ARGV, 4 do ids[#ids + 1] = ARGV[i] end
local records = redis.call('HMGET', KEYS[1], unpack(ids))
local failed = redis.call('SMISMEMBER', KEYS[10], unpack(ids))
local replies, queued, changes, written, new = {}, {}, {}, {}, {}
for i, id in ipairs(ids) do
  local record, kept, rest = new[id] or records[i], tonumber(ARGV[4 * i]), ARGV[4 * i + 1]
  if not record or not is_as_read(record, ARGV[4 * i - 1]) then
    replies[i] = 'changed'
  elseif failed[i] == 0 or new[id] then
    replies[i] = 'refused'
  else
    replies[i], new[id] = 'queued', string.sub(record, 1, kept) .. rest
    queued[#queued + 1] = id
    changes[#changes + 1] = 'waiting'
    written[#written + 1] = id
    written[#written + 1] = new[id]
  end
end
if #queued > 0 then
  redis.call('HSET', KEYS[1], unpack(written))
  use_levels(KEYS[2], KEYS[15], KEYS[17], KEYS[18], KEYS[19])
  enter(door(KEYS[2], KEYS[15], KEYS[16]), queued)
  leave(4, queued)
  publish_watched(KEYS[3], ARGV[1], queued, changes)
end
return replies
