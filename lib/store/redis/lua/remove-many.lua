--[[
Removes tasks that are not running, in the order of the arguments, as remove.lua does. None of them has a lane.

KEYS  1 jobs  2 waiting  3 leftovers  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 returning
      17 paused  18 high  19 low  20 levels  21 watched
ARGV  1 channel prefix, then for each task: its id, its record as the caller read it (see as-read.lua)
Returns for each "removed" | "active" | "unknown" | "changed" (the record is another by now)
]]
-- @include leave
-- @include leftover
-- @include wake
-- @include as-read
-- @include publish-removed
local ids, elsewhere = {}, {}
for i = 2, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local records, claims = redis.call('HMGET', KEYS[1], unpack(ids)), redis.call('HMGET', KEYS[5], unpack(ids))

-- Those that the command finds are in no list of waiting tasks.
local function note_found(command, key)
  for i, found in ipairs(redis.call(command, key, unpack(ids))) do
    if found and found ~= 0 then elsewhere[ids[i]] = true end
  end
end

note_found('ZMSCORE', KEYS[4])
for i = 9, 10 do note_found('SMISMEMBER', KEYS[i]) end
for i = 11, 14 do note_found('ZMSCORE', KEYS[i]) end

local replies, removed, waited, seen = {}, {}, {}, {}
for i, id in ipairs(ids) do
  if not records[i] or seen[id] then
    replies[i] = 'unknown'
  elseif not is_as_read(records[i], ARGV[2 * i + 1]) then
    replies[i] = 'changed'
  elseif claims[i] then
    replies[i] = 'active'
  else
    replies[i], seen[id] = 'removed', true
    removed[#removed + 1] = id
    if not elsewhere[id] then waited[#waited + 1] = id end
  end
end
if #removed == 0 then return replies end
redis.call('HDEL', KEYS[1], unpack(removed))
leave(4, removed)
redis.call('HDEL', KEYS[20], unpack(removed))
unqueue(KEYS[3], waited, { KEYS[2], KEYS[15], KEYS[16], KEYS[18], KEYS[19] })
if redis.call('HEXISTS', KEYS[17], '') == 0 then wake(KEYS[2], KEYS[18], KEYS[19]) end
publish_removed(KEYS[21], ARGV[1], removed)
return replies
