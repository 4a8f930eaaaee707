--[[
A lane: the tasks of one name and key, which have a limit over all workers. Its slots are a set of ids: those that are
in waiting, or run. The others wait in the list of the lane. To be included after now and enter.

Defines move_lane(door, gate, prefix, slots, list, arrivals, gone): arrivals enter waiting as far as there are slots,
behind those that are in the list. The slots of gone are free. gate: the keys gated, lanes and limits. Returns whether
the lane is empty
]]
local CHECK_MS = 5000

local function limit_of(limits, lane)
  local name = string.match(lane, '^%S+')
  local found = redis.call('HMGET', limits, '!' .. name, name)
  return tonumber(string.match(found[1] or found[2] or '', '^%d+') or 1)
end

-- Takes the slots of the ids away. Returns how many had one.
local function free_slots(slots, ids)
  local freed = 0
  for from = 1, #ids, 1000 do
    freed = freed + redis.call('SREM', slots, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return freed
end

-- The oldest ids of the list that still wait, at most `free`, and how many ids of the list were looked at.
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local ids, found, looked_at, seen = redis.call('LRANGE', list, -math.min(free + 100, 1000), -1), {}, 0, {}
  local waits = #ids > 0 and redis.call('ZMSCORE', gated, unpack(ids)) or {}
  for i = #ids, 1, -1 do
    if #found == free then break end
    looked_at = looked_at + 1
    if waits[i] and not seen[ids[i]] then found[#found + 1] = ids[i] end
    seen[ids[i]] = true
  end
  return found, looked_at
end

local function move_lane(door, gate, prefix, slots, list, arrivals, gone)
  local lane = string.sub(slots, #prefix + 7)
  local used, size = redis.call('SCARD', slots), redis.call('LLEN', list)
  if #gone > 0 then used = used - free_slots(slots, gone) end
  local free = limit_of(gate.limits, lane) - used
  local admitted, looked_at = next_of(gate.gated, list, free)
  local from_list, parked = #admitted, {}
  for _, id in ipairs(arrivals) do
    if size == looked_at and #admitted < free then
      admitted[#admitted + 1] = id
    else
      parked[#parked + 1] = id
    end
  end
  if #admitted > 0 then redis.call('SADD', slots, unpack(admitted)) end
  enter(door, admitted)
  enter(list, parked)
  for _, id in ipairs(parked) do redis.call('ZADD', gate.gated, now, id) end
  if from_list > 0 then redis.call('ZREM', gate.gated, unpack(admitted, 1, from_list)) end
  if looked_at > 0 then redis.call('LTRIM', list, 0, -looked_at - 1) end
  local is_empty = used + #admitted == 0 and size - looked_at + #parked == 0
  if is_empty then
    redis.call('ZREM', gate.lanes, lane)
  elseif #admitted + #parked > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, lane)
  end
  return is_empty
end
