--[[
Removes everything that is stored about an id, but for its record and its places in waiting.

Defines leave(first, id): KEYS[first] and the ten that follow are delayed, claims, stalls, progress, cancelling,
succeeded, failed, done:succeeded, done:failed, done:cancelled, done:expired
]]
local function leave(first, id)
  redis.call('ZREM', KEYS[first], id)
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], id) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], id) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], id) end
end
