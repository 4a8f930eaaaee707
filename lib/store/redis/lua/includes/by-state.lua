--[[
How many tasks of a queue are in each state, by the keys of counts.lua. A task between two attempts counts as
delayed, or as waiting if it has no delay. active: ours are in claims, those of plain Bee-Queue workers in active.

Defines by_state: { waiting, delayed, active, succeeded, failed, cancelled, expired, { what is paused } }
What is paused: "" for the queue, "n:" and a name.
]]
local left = tonumber(redis.call('HGET', KEYS[2], '') or 0) or 0
local waiting = redis.call('ZCARD', KEYS[14])
for _, i in ipairs({ 1, 10, 11, 12, 15, 16 }) do waiting = waiting + redis.call('LLEN', KEYS[i]) end
local by_state = {
  math.max(0, waiting - left),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]),
  redis.call('SCARD', KEYS[6]),
  redis.call('SCARD', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9]),
  redis.call('HKEYS', KEYS[13])
}
