--[[
Cancels tasks that have not finished, in the order of the arguments, as cancel.lua does. None of them has a lane.

KEYS  1 jobs  2 waiting  3 active  4 leftovers  5 watched  6 delayed  7 claims  8 stalls  9 progress  10 cancelling
      11 succeeded  12 failed  13 done:succeeded  14 done:failed  15 done:cancelled  16 done:expired
      17 parked  18 returning  19 paused  20 high  21 low  22 levels
ARGV  1 channel prefix; then for each task: its id, its record as the caller read it (see as-read.lua), how many
      bytes of that remain, what follows them in the record of the cancelled task, and the ttl of that record (ms)
Returns for each what cancel.lua returns, or "alone": a plain Bee-Queue worker may hold it, among so many that the
      search for one is a call of its own
]]
-- @include leave
-- @include leftover
-- @include now
-- @include wake
-- @include as-read
local MOST_HELD = 100
local ids = {}
for i = 2, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local records, claims = redis.call('HMGET', KEYS[1], unpack(ids)), redis.call('HMGET', KEYS[7], unpack(ids))
local due, held_count, is_held = redis.call('ZMSCORE', KEYS[6], unpack(ids)), redis.call('LLEN', KEYS[3]), {}
if held_count <= MOST_HELD then
  for _, id in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do is_held[id] = true end
end

-- The reply for a task that this call has not changed yet.
local function reply_to(i, sent)
  if not records[i] then return 'unknown' end
  if not is_as_read(records[i], sent) then return 'changed' end
  if claims[i] or is_held[ids[i]] and not due[i] then return 'requested' end
  if not due[i] and held_count > MOST_HELD then return 'alone' end
  return 'cancelled'
end

local replies, ended, gone, requested, waited, written, expiries = {}, {}, {}, {}, {}, {}, {}
local seen = {}
for i, id in ipairs(ids) do
  local at = 5 * i - 3
  replies[i] = seen[id] or reply_to(i, ARGV[at + 1])
  if replies[i] == 'requested' and claims[i] then requested[#requested + 1] = id end
  if replies[i] == 'cancelled' then
    local ttl = tonumber(ARGV[at + 4])
    seen[id] = ttl > 0 and 'changed' or 'unknown'
    ended[#ended + 1] = id
    if not due[i] then waited[#waited + 1] = id end
    if ttl > 0 then
      written[#written + 1], written[#written + 2] = id, string.sub(records[i], 1, ARGV[at + 2]) .. ARGV[at + 3]
      expiries[#expiries + 1], expiries[#expiries + 2] = now + ttl, id
    else
      gone[#gone + 1] = id
    end
  end
end

-- Writes that add come first: a Redis that is out of memory refuses the first, and rolls nothing back.
if #written > 0 then redis.call('HSET', KEYS[1], unpack(written)) end
if #requested > 0 then redis.call('SADD', KEYS[10], unpack(requested)) end
leave(6, ended)
if #expiries > 0 then redis.call('ZADD', KEYS[15], unpack(expiries)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[22], unpack(gone))
end
unqueue(KEYS[4], waited, { KEYS[2], KEYS[17], KEYS[18], KEYS[20], KEYS[21] })
if #ended > 0 and redis.call('HEXISTS', KEYS[19], '') == 0 then wake(KEYS[2], KEYS[20], KEYS[21]) end

local marks = redis.call('ZMSCORE', KEYS[5], unpack(ids))
for i, id in ipairs(ids) do
  local worker = replies[i] == 'requested' and claims[i] and string.match(claims[i], '^(.*)%.%d+ ')
  if worker then redis.pcall('PUBLISH', ARGV[1] .. 'cancel:' .. worker, id) end
  if replies[i] == 'cancelled' and marks[i] then redis.pcall('PUBLISH', ARGV[1] .. 'task:' .. id, 'cancelled') end
end
return replies
