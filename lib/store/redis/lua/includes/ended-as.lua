--[[
How a task ended, by the keys of ended tasks.

Defines ended_as(id, succeeded, failed, cancelled, expired): "succeeded" | "failed" | "cancelled" | "expired"; nil if it
has not ended
]]
local function ended_as(id, succeeded, failed, cancelled, expired)
  if redis.call('SISMEMBER', succeeded, id) == 1 then return 'succeeded' end
  if redis.call('SISMEMBER', failed, id) == 1 then return 'failed' end
  if redis.call('ZSCORE', cancelled, id) then return 'cancelled' end
  return redis.call('ZSCORE', expired, id) and 'expired' or nil
end
