--[[
Says of tasks of a queue how they ended.

KEYS  1 jobs  2 succeeded  3 failed  4 done:cancelled  5 done:expired
ARGV  1 and more: ids
Returns for each: "succeeded" | "failed" | "cancelled" | "expired" | "removed" (there is no record) | "" (not ended)
]]
-- @include ended-as
local states = {}
for i, id in ipairs(ARGV) do
  local has_record = redis.call('HEXISTS', KEYS[1], id) == 1
  states[i] = has_record and (ended_as(id, KEYS[2], KEYS[3], KEYS[4], KEYS[5]) or '') or 'removed'
end
return states
