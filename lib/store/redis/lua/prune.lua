--[[
Removes the records that are past their expiry, oldest first. A task that a plain Bee-Queue queued again (its retry()
takes the id out of failed) keeps its record.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 how many of each state at most
Returns how many were removed
]]
-- @include now
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
