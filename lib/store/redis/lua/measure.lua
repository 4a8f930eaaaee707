--[[
Measures a queue for metrics: tasks by state, living workers, the task that waits longest, the next ticks.

KEYS  1 waiting  2 leftovers  3 delayed  4 claims  5 active  6 succeeded  7 failed  8 done:cancelled  9 done:expired
      10 handoff  11 parked  12 returning  13 paused  14 gated  15 high  16 low  17 workers  18 jobs  19 ticks
ARGV  1 how many ticks at most
Returns { now (ms), { what counts.lua returns }, workers,
          end of the record of the first waiting task that was not tried yet or "", { schedule, due, ... } }

Cost: that of seventeen short commands, however long the queue is. Of waiting tasks the 10 are read that are next. Of a
record the last 4096 bytes are returned: its options and state stand there, behind its data.
]]
-- @include now
-- @include by-state
local oldest = ''
local ids = redis.call('LRANGE', KEYS[1], -10, -1)
for i = #ids, 1, -1 do
  local record = redis.call('HGET', KEYS[18], ids[i])
  local tail = record and string.sub(record, -4096) or ''
  if string.find(tail, '"status":"created"', 1, true) then
    oldest = tail
    break
  end
end
return {
  now,
  by_state,
  redis.call('ZCOUNT', KEYS[17], '(' .. now, '+inf'),
  oldest,
  redis.call('ZRANGE', KEYS[19], 0, ARGV[1] - 1, 'WITHSCORES')
}
