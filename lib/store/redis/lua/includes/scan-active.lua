--[[
Goes through the ids of active tasks: those that have a claim of ours, in no order, then those that plain Bee-Queue
workers hold, oldest first. KEYS[1] is claims, KEYS[2] active.

Defines held_by_plain_workers(), index_of(ids, id): 0 if it is not there.
scan_active(cursor): { next cursor, "0" at the end, the ids of the next bucket that has some, in the order of their
texts }. A page goes bucket by bucket: a larger part of a scan has other ids if tasks have come or ended meanwhile, and
in another order while Redis enlarges the hash. A page that goes on in the middle of it would leave some out.
]]
local function held_by_plain_workers()
  local ids = {}
  for _, id in ipairs(redis.call('LRANGE', KEYS[2], -1000, -1)) do
    if redis.call('HEXISTS', KEYS[1], id) == 0 then table.insert(ids, 1, id) end
  end
  return ids
end

local function index_of(ids, id)
  for i = 1, #ids do
    if ids[i] == id then return i end
  end
  return 0
end

local function scan_active(cursor)
  local batch, ids = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 1), {}
  for i = 1, #batch[2], 2 do ids[#ids + 1] = batch[2][i] end
  table.sort(ids)
  if batch[1] == '0' then
    for _, id in ipairs(held_by_plain_workers()) do ids[#ids + 1] = id end
  end
  return batch[1], ids
end
