--[[
Removes the records that are past their expiry, oldest first. A task that another client queued again, or that has the
id of one which another client removed, keeps its record: a plain Bee-Queue does not know the sorted sets of expiries.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired  8 flowsDone
      9 flowList  10 tags  11 tagged
ARGV  1 how many of each state at most  2 cursor of a scan through the index of tags, "0" to begin
Returns { how many were removed. 0: there are no more, the next cursor }

A task may be gone unseen: a plain Bee-Queue removes it, and does not know the index. Each call looks at a slice of it.
]]
-- @include now
-- @include untag
-- @include status
local states = { [6] = 'cancelled', [7] = 'expired' }
local removed, bytes = 0, 0

local function has_ended(i, id)
  if i <= 5 then return redis.call('SREM', KEYS[i - 2], id) == 1 end
  local record = redis.call('HGET', KEYS[1], id) or ''
  bytes = bytes + #record
  local status = status_of(record)
  return status == states[i] or status == ''
end

for i = 4, 7 do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])
  local looked_at, ended = {}, {}
  for _, id in ipairs(ids) do
    if bytes > 524288 then break end
    looked_at[#looked_at + 1] = id
    if has_ended(i, id) then ended[#ended + 1] = id end
  end
  if #looked_at > 0 then redis.call('ZREM', KEYS[i], unpack(looked_at)) end
  if #ended > 0 then redis.call('HDEL', KEYS[1], unpack(ended)) end
  untag(KEYS[10], KEYS[11], ended)
  removed = removed + #looked_at
end

-- Flows: the other keys of each expire with its record.
local flows = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, ARGV[1])
if #flows > 0 then
  redis.call('ZREM', KEYS[8], unpack(flows))
  redis.call('ZREM', KEYS[9], unpack(flows))
  redis.call('HDEL', KEYS[1], unpack(flows))
end

local cursor = '0'
if redis.call('EXISTS', KEYS[11]) == 1 then
  local page, gone = redis.call('HSCAN', KEYS[11], ARGV[2], 'COUNT', 200), {}
  for i = 1, #page[2], 2 do
    if redis.call('HEXISTS', KEYS[1], page[2][i]) == 0 then gone[#gone + 1] = page[2][i] end
  end
  untag(KEYS[10], KEYS[11], gone)
  cursor, removed = page[1], removed + #gone
end
return { removed + #flows, cursor }
