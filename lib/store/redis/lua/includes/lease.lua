--[[
Renews the lease of a worker. It expires some ticks later: see sweep.lua.

Defines renew_lease(leases, tick, worker): false if the lease had expired, or the worker had none
]]
local function renew_lease(leases, tick, worker)
  local now = tonumber(redis.call('GET', tick) or 0) or 0
  local before = tonumber(redis.call('ZSCORE', leases, worker) or -5)
  if before ~= now then redis.call('ZADD', leases, now, worker) end
  return before > now - 5 and before <= now
end
