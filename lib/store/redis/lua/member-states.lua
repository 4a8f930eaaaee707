--[[
Says of tasks of a queue how they ended.

KEYS  1 jobs  2 succeeded  3 failed  4 done:cancelled  5 done:expired
ARGV  1 and more: ids
Returns for each: "succeeded" | "failed" | "cancelled" | "expired" | "removed" (there is no record) | "" (not ended)
]]
local states = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    states[i] = 'removed'
  elseif redis.call('SISMEMBER', KEYS[2], id) == 1 then
    states[i] = 'succeeded'
  elseif redis.call('SISMEMBER', KEYS[3], id) == 1 then
    states[i] = 'failed'
  elseif redis.call('ZSCORE', KEYS[4], id) then
    states[i] = 'cancelled'
  else
    states[i] = redis.call('ZSCORE', KEYS[5], id) and 'expired' or ''
  end
end
return states
