--[[
Removes the records whose time to stay has passed, oldest first, and all else of those ids. One that a plain
Bee-Queue queued again (its retry() takes it out of failed) stays.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 how many at the most, of each state
Returns how many were removed
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local removed = 0
for i = 4, 7 do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #ids > 0 then
    redis.call('ZREM', KEYS[i], unpack(ids))
    for _, id in ipairs(ids) do
      if i > 5 or redis.call('SREM', KEYS[i - 2], id) == 1 then redis.call('HDEL', KEYS[1], id) end
    end
    removed = removed + #ids
  end
end
return removed
