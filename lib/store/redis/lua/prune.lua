--[[
Removes the records that are past their expiry, oldest first. A task that another client queued again, or that has the
id of one which another client removed, keeps its record: a plain Bee-Queue does not know the sorted sets of expiries.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 how many of each state at most
Returns how many were removed
]]
-- @include now
-- @include status
local states = { [6] = 'cancelled', [7] = 'expired' }
local removed = 0

local function has_ended(i, id)
  if i <= 5 then return redis.call('SREM', KEYS[i - 2], id) == 1 end
  local status = status_of(redis.call('HGET', KEYS[1], id) or '')
  return status == states[i] or status == ''
end

for i = 4, 7 do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #ids > 0 then
    redis.call('ZREM', KEYS[i], unpack(ids))
    for _, id in ipairs(ids) do
      if has_ended(i, id) then redis.call('HDEL', KEYS[1], id) end
    end
    removed = removed + #ids
  end
end
return removed
