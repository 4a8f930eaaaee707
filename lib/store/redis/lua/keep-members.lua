--[[
Says how long the records of members of a flow stay. A task that has not ended is left as it is.

KEYS  1 jobs  2 delayed  3 claims  4 stalls  5 progress  6 cancelling  7 succeeded  8 failed
      9 done:succeeded  10 done:failed  11 done:cancelled  12 done:expired  13 tags  14 tagged  15 logs  16 logged
      17 heads
ARGV  1 and more, for each group of tasks: for how long (ms), 0 removes them, number of tasks, their ids
Returns nothing
]]
-- @include now
-- @include leave
-- @include forget
-- @include ended-as
local EXPIRIES = { succeeded = 9, failed = 10, cancelled = 11, expired = 12 }
local kept, counts, gone = {}, {}, {}
local function keep(key, due, id)
  local members, count = kept[key], counts[key] or 0
  if not members then
    members = {}
    kept[key] = members
  end
  members[count + 1], members[count + 2] = due, id
  counts[key] = count + 2
end

local at, last = 1, #ARGV
while at < last do
  local ms, first = tonumber(ARGV[at]), at + 2
  at = first + tonumber(ARGV[at + 1])
  local due = string.format('%.0f', now + ms)
  -- They are the many.
  local succeeded = redis.call('SMISMEMBER', KEYS[7], unpack(ARGV, first, at - 1))
  for i = first, at - 1 do
    local id = ARGV[i]
    local outcome = succeeded[i - first + 1] == 1 and 'succeeded' or ended_as(id, KEYS[7], KEYS[8], KEYS[11], KEYS[12])
    local key = EXPIRIES[outcome or '']
    if key and ms <= 0 then
      gone[#gone + 1] = id
    elseif key then
      keep(key, due, id)
    end
  end
end
for key, members in pairs(kept) do redis.call('ZADD', KEYS[key], unpack(members)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  leave(2, gone)
  forget(13, gone)
end
