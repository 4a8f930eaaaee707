--[[
Says how long the records of members of a flow stay. A task that has not ended is left as it is.

KEYS  1 jobs  2 delayed  3 claims  4 stalls  5 progress  6 cancelling  7 succeeded  8 failed
      9 done:succeeded  10 done:failed  11 done:cancelled  12 done:expired  13 tags  14 tagged  15 logs  16 logged
      17 heads
ARGV  1 and more, for each: id, for how long (ms), 0 removes it
Returns nothing
]]
-- @include now
-- @include leave
-- @include forget
-- @include ended-as
local EXPIRIES = { succeeded = 9, failed = 10, cancelled = 11, expired = 12 }
local ids, kept, gone, dues = {}, {}, {}, {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
-- They are the many.
local succeeded = redis.call('SMISMEMBER', KEYS[7], unpack(ids))
for i, id in ipairs(ids) do
  local ms = ARGV[2 * i]
  local outcome = succeeded[i] == 1 and 'succeeded' or ended_as(id, KEYS[7], KEYS[8], KEYS[11], KEYS[12])
  local key = EXPIRIES[outcome or '']
  if key and tonumber(ms) <= 0 then
    gone[#gone + 1] = id
  elseif key then
    dues[ms] = dues[ms] or string.format('%.0f', now + ms)
    local members = kept[key] or {}
    kept[key] = members
    members[#members + 1] = dues[ms]
    members[#members + 1] = id
  end
end
for key, members in pairs(kept) do redis.call('ZADD', KEYS[key], unpack(members)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  leave(2, gone)
  forget(13, gone)
end
