--[[
Removes everything that is stored about ids, but for their records and their places in waiting.

Defines leave(first, ids): KEYS[first] and the ten that follow are delayed, claims, stalls, progress, cancelling,
succeeded, failed, done:succeeded, done:failed, done:cancelled, done:expired
]]
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
