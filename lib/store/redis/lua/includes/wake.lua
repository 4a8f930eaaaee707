--[[
Workers wait for waiting only. So it is empty only if high and low are: otherwise the next of these goes there.

Defines wake(waiting, high, low)
]]
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
