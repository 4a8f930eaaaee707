--[[
Removes the records that are past their expiry, oldest first. A task that another client queued again, or that has the
id of one which another client removed, keeps its record: a plain Bee-Queue does not know the sorted sets of expiries.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired  8 flowsDone
      9 flowList  10 tags  11 tagged  12 logs  13 logged  14 heads
ARGV  1 how many of each state at most  2 cursors of scans through tagged, logged and heads, "0 0 0" to begin
Returns { how many were removed. 0: there are no more, the next cursors }

A task may be gone unseen: a plain Bee-Queue removes it, and does not know the rest. Each call looks at a slice of it.
]]
-- @include now
-- @include forget
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
  forget(10, ended)
  removed = removed + #looked_at
end

-- Flows: the other keys of each expire with its record.
local flows = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, ARGV[1])
if #flows > 0 then
  redis.call('ZREM', KEYS[8], unpack(flows))
  redis.call('ZREM', KEYS[9], unpack(flows))
  redis.call('HDEL', KEYS[1], unpack(flows))
end

-- A slice of a hash of ids. Returns the next cursor.
local function sweep(key, cursor)
  local page, gone = redis.call('HSCAN', key, cursor, 'COUNT', 200), {}
  for i = 1, #page[2], 2 do
    if redis.call('HEXISTS', KEYS[1], page[2][i]) == 0 then gone[#gone + 1] = page[2][i] end
  end
  forget(10, gone)
  removed = removed + #gone
  return page[1]
end

local cursors = '0 0 0'
if redis.call('EXISTS', KEYS[11], KEYS[13], KEYS[14]) > 0 then
  local ofTags, ofLogs, ofHeads = string.match(ARGV[2], '^(%d+) (%d+) (%d+)$')
  cursors = sweep(KEYS[11], ofTags) .. ' ' .. sweep(KEYS[13], ofLogs) .. ' ' .. sweep(KEYS[14], ofHeads)
end
return { removed + #flows, cursors }
