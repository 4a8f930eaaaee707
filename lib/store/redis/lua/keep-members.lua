--[[
Says how long the records of members of a flow stay. A task that has not ended is left as it is.

KEYS  1 jobs  2 delayed  3 claims  4 stalls  5 progress  6 cancelling  7 succeeded  8 failed
      9 done:succeeded  10 done:failed  11 done:cancelled  12 done:expired
ARGV  1 and more, for each: id, for how long (ms), 0 removes it
Returns nothing
]]
-- @include now
-- @include leave
local function key_of(id)
  if redis.call('SISMEMBER', KEYS[7], id) == 1 then return 9 end
  if redis.call('SISMEMBER', KEYS[8], id) == 1 then return 10 end
  if redis.call('ZSCORE', KEYS[11], id) then return 11 end
  return redis.call('ZSCORE', KEYS[12], id) and 12
end

local kept, gone = {}, {}
for i = 1, #ARGV, 2 do
  local key = key_of(ARGV[i])
  if key and tonumber(ARGV[i + 1]) <= 0 then
    gone[#gone + 1] = ARGV[i]
  elseif key then
    local members = kept[key] or {}
    kept[key] = members
    members[#members + 1] = string.format('%.0f', now + ARGV[i + 1])
    members[#members + 1] = ARGV[i]
  end
end
for key, members in pairs(kept) do redis.call('ZADD', KEYS[key], unpack(members)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  leave(2, gone)
end
