--[[
How many tasks of a queue are in each state, by the first ten keys of counts.lua. A task between two attempts counts as
delayed, or as waiting if it has no delay. active: ours are in claims, those of plain Bee-Queue workers in active.

Defines by_state: { waiting, delayed, active, succeeded, failed, cancelled, expired }
]]
local left = tonumber(redis.call('HGET', KEYS[2], '') or 0) or 0
local by_state = {
  math.max(0, redis.call('LLEN', KEYS[1]) + redis.call('LLEN', KEYS[10]) - left),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]),
  redis.call('SCARD', KEYS[6]),
  redis.call('SCARD', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9])
}
