--[[
Counts the tasks of a queue by state.

KEYS  1 waiting  2 leftovers  3 delayed  4 claims  5 active  6 succeeded  7 failed  8 done:cancelled  9 done:expired
      10 handoff  11 parked  12 returning  13 paused  14 gated
ARGV  1 unused
Returns how many are waiting, delayed, active, succeeded, failed, cancelled, expired; then what is
paused: "" for the queue, "n:" and a name. A task between two attempts counts
as delayed, or as waiting if it has no delay. active: ours are in claims, those of plain Bee-Queue workers in active.
]]
local left = tonumber(redis.call('HGET', KEYS[2], '') or 0) or 0
local waiting = redis.call('ZCARD', KEYS[14])
for _, i in ipairs({ 1, 10, 11, 12 }) do waiting = waiting + redis.call('LLEN', KEYS[i]) end
return {
  math.max(0, waiting - left),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]),
  redis.call('SCARD', KEYS[6]),
  redis.call('SCARD', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9]),
  unpack(redis.call('HKEYS', KEYS[13]))
}
