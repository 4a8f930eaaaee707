--[[
Stores new tasks: what Bee-Queue's addJob and addDelayedJob do, for many tasks in one step.

KEYS  1 jobs  2 waiting  3 large  4 parked  5 paused  6 delayed  7 claims  8 stalls  9 progress  10 cancelling
      11 succeeded  12 failed  13 done:succeeded  14 done:failed  15 done:cancelled  16 done:expired  17 laned
      18 levels
ARGV  1 channel earlierDelayed  2 "1" if the ids are the caller's own, then for each task: id, record, due time (ms
      since 1970, "" for at once)
Returns for each task: 1 stored, 0 the id is taken

The keys behind delayed are given only if the ids are the caller's own.
Guarantee: all tasks are stored. If Redis refuses the first write (out of memory), none is. An id of the caller's own
may have been used before: nothing that is left over from that task touches the new one.
Cost: all that most tasks have no need of is inside of a condition. Each key costs, and each function that is made.
]]
-- @include push
-- @include large
local ids, records, taken = {}, {}, {}
local count = 0
for i = 3, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local found = redis.call('HMGET', KEYS[1], unpack(ids))

local replies, waiting, delayed = {}, {}, {}
local record_args, waiting_count, delayed_args, first_due, has_large = 0, 0, 0, nil, false
for n = 1, count do
  local id, record, due = ids[n], ARGV[3 * n + 1], ARGV[3 * n + 2]
  if found[n] or taken[id] then
    replies[n] = 0
  else
    replies[n] = 1
    taken[id] = true
    records[record_args + 1], records[record_args + 2] = id, record
    record_args = record_args + 2
    if #record >= LARGE then has_large = true end
    if due == '' then
      waiting_count = waiting_count + 1
      waiting[waiting_count] = id
    else
      delayed[delayed_args + 1], delayed[delayed_args + 2] = due, id
      delayed_args = delayed_args + 2
      if not first_due or tonumber(due) < tonumber(first_due) then first_due = due end
    end
  end
end
if record_args == 0 then return replies end
redis.call('HSET', KEYS[1], unpack(records))
if has_large then mark_large(KEYS[3]) end
if ARGV[2] == '1' then
  -- @include leave
  local new = {}
  for id in pairs(taken) do new[#new + 1] = id end
  leave(6, new)
  redis.call('HDEL', KEYS[17], unpack(new))
  redis.call('HDEL', KEYS[18], unpack(new))
end
-- During a pause waiting is empty, or a claim is about to move what is in it: only if it was empty there is a doubt.
if waiting_count > 0 and push(KEYS[2], waiting) == waiting_count and redis.call('HEXISTS', KEYS[5], '') == 1 then
  push(KEYS[4], waiting)
  redis.call('DEL', KEYS[2])
end
if delayed_args > 0 then
  redis.call('ZADD', KEYS[6], unpack(delayed))
  -- Workers set a timer for the first delayed task: they must know if another one is now the first.
  local head = redis.call('ZRANGE', KEYS[6], 0, 0)
  if taken[head[1]] then redis.pcall('PUBLISH', ARGV[1], first_due) end
end
return replies
