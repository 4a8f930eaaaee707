--[[
Saves new tasks: Bee-Queue's addJob and addDelayedJob, for many at once.

KEYS  1 jobs  2 waiting  3 delayed
ARGV  1 channel earlierDelayed, then for each task: id, record, when it is due (ms since 1970, "" for at once)
Returns for each task: 1 saved, 0 the id is taken

Guarantee: all of them, or, where Redis refuses the first addition (it is out of memory), none.
]]
local ids, records, taken = {}, {}, {}
local count = 0
for i = 2, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local found = redis.call('HMGET', KEYS[1], unpack(ids))

local replies, waiting, delayed = {}, {}, {}
local written, now, later, first = 0, 0, 0, nil
for n = 1, count do
  local id, record, due = ids[n], ARGV[3 * n], ARGV[3 * n + 1]
  if found[n] or taken[id] then
    replies[n] = 0
  else
    replies[n] = 1
    taken[id] = true
    records[written + 1], records[written + 2] = id, record
    written = written + 2
    if due == '' then
      now = now + 1
      waiting[now] = id
    else
      delayed[later + 1], delayed[later + 2] = due, id
      later = later + 2
      if not first or tonumber(due) < tonumber(first) then first = due end
    end
  end
end
if written == 0 then return replies end
redis.call('HSET', KEYS[1], unpack(records))
if now > 0 then redis.call('LPUSH', KEYS[2], unpack(waiting)) end
if later > 0 then
  redis.call('ZADD', KEYS[3], unpack(delayed))
  -- Those who wait for the first of all must hear of an earlier one.
  local head = redis.call('ZRANGE', KEYS[3], 0, 0)
  if taken[head[1]] then redis.call('PUBLISH', ARGV[1], first) end
end
return replies
