--[[
Removes tasks that were not started: waiting and delayed ones, oldest first. A task between two attempts was started.

KEYS  1 jobs  2 waiting  3 leftovers  4 delayed  5 claims  6 stalls  7 progress  8 cancelling  9 succeeded  10 failed
      11 done:succeeded  12 done:failed  13 done:cancelled  14 done:expired  15 parked  16 returning
      17 laned  18 tags  19 tagged  20 logs  21 logged  22 heads  23 high  24 low  25 levels  26 paused
      27 watched
ARGV  1 how many of each to look at, at most  2 "1" if tasks between two attempts are removed too
      3 how many waiting ids are still to be looked at, "" for all  4 how many delayed ids were kept before
      5 channel prefix
Returns { how many records were removed, how many waiting ids are still to be looked at, how many delayed ids were kept,
          1 if there is more to look at, else 0,
          what members of flows that were removed say of their flow, as JSON, ... }
]]
-- @include enter
-- @include leave
-- @include leftover
-- @include status
-- @include member-in
-- @include forget
-- @include publish-removed
local limit, retrying_too = tonumber(ARGV[1]), ARGV[2] == '1'
local gone, bytes, members = {}, 0, {}

local function remove(id, record)
  gone[#gone + 1] = id
  members[#members + 1] = member_in(id, record)
end

-- False if this call has read enough.
local function may_read(id)
  if bytes > 524288 then return false end
  bytes = bytes + redis.call('HSTRLEN', KEYS[1], id)
  return true
end

-- Looks at the oldest ids of a list. Returns how many it looked at. Those that are kept enter the list again.
local function look_at(list, size)
  local waiting, kept = redis.call('LRANGE', list, -size, -1), {}
  local looked = 0
  for i = #waiting, 1, -1 do
    local id = waiting[i]
    if not may_read(id) then break end
    looked = looked + 1
    local record = redis.call('HGET', KEYS[1], id)
    local status = record and status_of(record)
    -- These are not waiting, though their ids are here. See leftovers.
    if not record or status == 'cancelled' or status == 'succeeded' or status == 'failed' or status == 'expired'
      or redis.call('HEXISTS', KEYS[5], id) == 1 or redis.call('ZSCORE', KEYS[4], id) then
      drop_leftover(KEYS[3], id)
    elseif status == 'retrying' and not retrying_too then
      kept[#kept + 1] = id
    else
      remove(id, record)
    end
  end
  enter(list, kept)
  if looked > 0 then redis.call('LTRIM', list, 0, -looked - 1) end
  return looked
end

-- Waiting tasks are in five lists, one behind the other: those of a pause that has ended go first.
local lists = { KEYS[16], KEYS[23], KEYS[2], KEYS[24], KEYS[15] }
local rest, free = 0, limit
for _, list in ipairs(lists) do rest = rest + redis.call('LLEN', list) end
local left = math.min(tonumber(ARGV[3]) or math.huge, rest)
for _, list in ipairs(lists) do
  rest = rest - redis.call('LLEN', list)
  local size = math.max(0, math.min(free, left - rest))
  local looked = size > 0 and look_at(list, size) or 0
  free, left = free - looked, left - looked
  if looked < size then break end
end

local before = tonumber(ARGV[4])
local delayed = limit > 0 and redis.call('ZRANGE', KEYS[4], before, before + limit - 1) or {}
local looked_at = 0
for _, id in ipairs(delayed) do
  if not may_read(id) then break end
  looked_at = looked_at + 1
  local record = redis.call('HGET', KEYS[1], id)
  if record and status_of(record) == 'retrying' and not retrying_too then
    before = before + 1
  else
    remove(id, record)
  end
end
local removed = #gone > 0 and redis.call('HDEL', KEYS[1], unpack(gone)) or 0
leave(4, gone)
for key = 17, 25, 8 do
  if #gone > 0 then redis.call('HDEL', KEYS[key], unpack(gone)) end
end
forget(18, gone)
publish_removed(KEYS[27], ARGV[5], gone)
local more = limit > 0 and (left > 0 or #delayed == limit or looked_at < #delayed) and 1 or 0
-- Not before: what moves to waiting could be looked at twice.
if more == 0 and redis.call('HEXISTS', KEYS[26], '') == 0 then wake(KEYS[2], KEYS[23], KEYS[24]) end
return { removed, left, before, more, unpack(members) }
