--[[
A lane: the tasks of one name and key, which have a limit or rates over all workers. Its slots are a set of ids: those
that are in waiting, or run. The others wait in the list of the lane. To be included after now, enter and rate.

Defines gate_at(first): the keys gated, laned, lanes, limits, closed and crowded. lane_at(first): those of a lane.
move_lane(door, gate, prefix, lane, change): ids enter waiting as far as there are slots. Returns whether the lane is
empty. change: arrivals, behind those that are in the list; heads, before them; gone, whose slots are free, as those of
heads are; ran, ids that may have started unseen; is_look, if it comes from time to time; quota, if the common lane says
that it is this lane's turn
]]
-- @include common-lane
local CHECK_MS, NONE, FEW = 5000, {}, 2

local function gate_at(first)
  return {
    gated = KEYS[first], laned = KEYS[first + 1], lanes = KEYS[first + 2], limits = KEYS[first + 3],
    closed = KEYS[first + 4], crowded = KEYS[first + 5]
  }
end

local function lane_at(first)
  return { slots = KEYS[first], list = KEYS[first + 1], tokens = KEYS[first + 2], starts = KEYS[first + 3] }
end

-- Ids that have started before enter the list as the next ones.
local function put_first(gate, list, ids)
  for i = #ids, 1, -1 do
    enter_first(list, ids[i])
    redis.call('ZADD', gate.gated, now, ids[i])
  end
end

-- Takes the slots of the ids away. Returns how many had one.
local function free_slots(gate, lane, rates, common, ids)
  if #ids == 0 then return 0 end
  if common then common.leave(ids) end
  if #rates > 0 then call_many('SREM', lane.tokens, ids) end
  call_many('HDEL', gate.laned, ids) -- also without rates: there may have been some when they started
  return call_many('SREM', lane.slots, ids)
end

-- The oldest ids of the list that still wait, at most `free`, and how many ids of the list were looked at.
local function look_at(gated, list, free, count)
  local ids, found, looked_at, seen = redis.call('LRANGE', list, -count, -1), {}, 0, {}
  local waits = #ids > 0 and redis.call('ZMSCORE', gated, unpack(ids)) or {}
  for i = #ids, 1, -1 do
    if #found == free then break end
    looked_at = looked_at + 1
    if waits[i] and not seen[ids[i]] then found[#found + 1] = ids[i] end
    seen[ids[i]] = true
  end
  return found, looked_at
end

-- The same, with more ids behind those that wait no longer. In most calls there are none: a look at the next ones shows
-- it.
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local count = math.min(free, 1000)
  local found, looked_at = look_at(gated, list, free, count)
  if #found == free or looked_at < count or count == 1000 then return found, looked_at end
  return look_at(gated, list, free, math.min(free + 100, 1000))
end

-- Tasks with slots, and tokens if there are rates, so that a lost worker's task can be found to have one.
local function take_slots(gate, lane, name, rates, common, ids)
  if #ids == 0 then return end
  redis.call('SADD', lane.slots, unpack(ids))
  if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
  if common then common.take(ids) end
  if not is_rated(rates, common) then return end
  for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
end

-- What fair shares depend on: how many tasks workers can run, keys of which tasks wait, and tasks in waiting.
local function read_shares(door, gate)
  local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
  return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
end

-- Fair shares: twice as many tasks as workers can run are queued, the same number of each key that has more. If workers
-- would have nothing to do, more of a key. So a newcomer is behind no more than that, and two tasks of each key.
-- is_new: of keys that get tasks in a row, each one finds one key more than the one before: their shares would add up
-- to more. They get what is left, or two, and their share once one of these has ended.
local function fair_share(shares, used, is_new)
  local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
  local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
  if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
  return math.max(free, math.ceil(capacity / 2) - queued)
end

-- A lane without a key ends with its first blank.
local function is_shared_lane(name, max)
  return max > FEW and string.find(name, ' ', 1, true) < #name
end

-- Returns how many more keys there are of which tasks wait.
local function mark_crowded(gate, name, left)
  if left > 0 then return redis.call('SADD', gate.crowded, name) end
  return -redis.call('SREM', gate.crowded, name)
end

local function move_lane(door, gate, prefix, lane, change)
  local name = string.sub(lane.slots, #prefix + 7)
  local max, rates, common_rules = rules_of(gate.limits, name)
  local common = common_at(prefix, name, common_rules)
  local arrivals, gone, heads = change.arrivals or NONE, change.gone or NONE, change.heads or NONE
  put_first(gate, lane.list, heads)
  local used, size = redis.call('SCARD', lane.slots), redis.call('LLEN', lane.list)
  if #rates > 0 and change.ran then spend(lane, rates, change.ran) end
  if common and change.ran then common.spend(change.ran) end
  used = used - free_slots(gate, lane, rates, common, gone) - free_slots(gate, lane, rates, common, heads)
  local free, is_closed = max - used, is_held_lane(gate.closed, lane, name)
  if is_closed then free = 0 end
  local is_shared = is_shared_lane(name, max)
  local is_new = #arrivals > 0 or change.is_look
  if is_shared and free > 0 then free = math.min(free, fair_share(read_shares(door, gate), used, is_new)) end
  if #rates > 0 and free > 0 then free = math.min(free, (rate_left(lane, rates))) end
  local own_free = free
  if common and free > 0 then free = math.min(free, common.free(name, change.quota)) end
  local admitted, looked_at = next_of(gate.gated, lane.list, free)
  local from_list, parked = #admitted, {}
  for _, id in ipairs(arrivals) do
    if size == looked_at and #admitted < free then
      admitted[#admitted + 1] = id
    else
      parked[#parked + 1] = id
    end
  end
  take_slots(gate, lane, name, rates, common, admitted)
  enter(door, admitted)
  enter(lane.list, parked)
  for _, id in ipairs(parked) do redis.call('ZADD', gate.gated, now, id) end
  if from_list > 0 then redis.call('ZREM', gate.gated, unpack(admitted, 1, from_list)) end
  if looked_at > 0 then redis.call('LTRIM', lane.list, 0, -looked_at - 1) end
  local left = size - looked_at + #parked
  if #rates > 0 and left > 0 and not is_closed and max > used + #admitted then
    look_again(gate.closed, prefix, name, lane, rates)
  end
  if common then
    common.wait(gate, name, left > 0 and own_free > #admitted, change.quota)
  end
  if is_shared or change.is_look then mark_crowded(gate, name, is_shared and left or 0) end
  local is_empty = used + #admitted == 0 and left == 0
  if is_empty then
    redis.call('ZREM', gate.lanes, name)
    if not is_shared then mark_crowded(gate, name, 0) end -- it may have had shares before its limit was lowered
    if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
  elseif #admitted + #parked + #heads > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
  end
  return is_empty
end
