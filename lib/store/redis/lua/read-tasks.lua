--[[
Reads everything that is stored about tasks: the first ones, until their records have more than 1 MiB, or it may
take more than 100,000 steps to find them in active.

KEYS  1 jobs  2 claims  3 delayed  4 progress  5 active  6 paused  7 gated
ARGV  1 and on: ids
Returns { records, claims, due times of delayed tasks, stages and progresses, places, what is paused }. The first four
have an entry for each task that was read, or nil if there is nothing. Places: 1 if a plain Bee-Queue worker holds the
task, 2 if it waits for a slot of its lane, 3 if both; empty if that is so of none. Paused: "" for the queue, "n:" and a
name.

Cost: does not depend on the length of the queue. active has only what plain Bee-Queue workers run, or left there.
]]
local MAX_BYTES, MAX_STEPS = 1048576, 100000
local ids, records, bytes = {}, {}, 0
local held = redis.call('LLEN', KEYS[5])
local most = held == 0 and #ARGV or math.min(#ARGV, math.max(1, math.floor(MAX_STEPS / held)))
for i = 1, most do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  ids[i], records[i] = ARGV[i], record
  if record then bytes = bytes + #record end
  if bytes > MAX_BYTES then break end
end

local claims = redis.call('HMGET', KEYS[2], unpack(ids))
local delayed = redis.call('ZMSCORE', KEYS[3], unpack(ids))
local progress = redis.call('HMGET', KEYS[4], unpack(ids))
local places = {}
if held == 0 and redis.call('EXISTS', KEYS[6], KEYS[7]) == 0 then
  return { records, claims, delayed, progress, places, {} }
end

for i, id in ipairs(ids) do
  places[i] = 0
  if records[i] and not claims[i] and not delayed[i] then
    if held > 0 and redis.call('LPOS', KEYS[5], id) then places[i] = 1 end
    if redis.call('ZSCORE', KEYS[7], id) then places[i] = places[i] + 2 end
  end
end
return { records, claims, delayed, progress, places, redis.call('HKEYS', KEYS[6]) }
