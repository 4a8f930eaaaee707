--[[
Measures a queue for metrics: tasks by state, living workers, the task that waits longest, the next ticks.

KEYS  1 waiting  2 leftovers  3 delayed  4 claims  5 active  6 succeeded  7 failed  8 done:cancelled  9 done:expired
      10 handoff  11 workers  12 jobs  13 ticks  14 parked  15 returning  16 paused  17 gated
ARGV  1 how many ticks at most
Returns { now (ms), waiting, delayed, active, succeeded, failed, cancelled, expired, workers,
          end of the record of the first waiting task that was not tried yet or "", { schedule, due, ... },
          { what is paused, as counts.lua returns it } }

Cost: that of ten short commands, however long the queue is. Of waiting tasks the 10 are read that are next. Of a record
the last 4096 bytes are returned: its options and state stand there, behind its data.
]]
-- @include now
local left = tonumber(redis.call('HGET', KEYS[2], '') or 0) or 0
local waiting = redis.call('ZCARD', KEYS[17])
for _, i in ipairs({ 1, 10, 14, 15 }) do waiting = waiting + redis.call('LLEN', KEYS[i]) end
local oldest = ''
local ids = redis.call('LRANGE', KEYS[1], -10, -1)
for i = #ids, 1, -1 do
  local record = redis.call('HGET', KEYS[12], ids[i])
  local tail = record and string.sub(record, -4096) or ''
  if string.find(tail, '"status":"created"', 1, true) then
    oldest = tail
    break
  end
end
return {
  now,
  math.max(0, waiting - left),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]),
  redis.call('SCARD', KEYS[6]),
  redis.call('SCARD', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9]),
  redis.call('ZCOUNT', KEYS[11], '(' .. now, '+inf'),
  oldest,
  redis.call('ZRANGE', KEYS[13], 0, ARGV[1] - 1, 'WITHSCORES'),
  redis.call('HKEYS', KEYS[16])
}
