--[[
Lanes without rates from which tasks have only gone: the usual batch of a worker. As move_lane for each of them, with
fewer commands. To be included after lane.

Defines refill(door, gate, changes): change: { name, lane, gone }
]]
local EMPTY = {}

-- The oldest ids of a lane that still wait, at most `free`, and 1,000. They are taken from its list.
local function take_oldest(gated, list, free, admitted)
  local count, most = 0, math.min(free, 1000)
  for _ = 1, 10 do
    local ids = most > count and redis.call('RPOP', list, most - count) or EMPTY
    for _, id in ipairs(ids) do
      if redis.call('ZREM', gated, id) == 1 then
        count = count + 1
        admitted[#admitted + 1] = id
      end
    end
    if #ids == 0 then break end
  end
  return count
end

local function refill(door, gate, changes)
  local has_closed, shares = redis.call('EXISTS', gate.closed) == 1, nil
  local has_laned = redis.call('EXISTS', gate.laned) == 1 -- also of tasks that started while there were rates
  local admitted, kept, empty, empty_tokens = {}, {}, {}, {}
  for _, change in ipairs(changes) do
    local lane, name, gone = change.lane, change.name, change.gone
    if #gone > 0 then redis.call('SREM', lane.slots, unpack(gone)) end
    if #gone > 0 and has_laned then redis.call('HDEL', gate.laned, unpack(gone)) end
    local used, max = redis.call('SCARD', lane.slots), rules_of(gate.limits, name)
    local is_shared, free = is_shared_lane(name, max), max - used
    if is_shared then
      shares = shares or read_shares(door, gate)
      free = math.min(free, fair_share(shares, used, false))
    end
    if has_closed and is_held_lane(gate.closed, lane, name) then free = 0 end
    local first = #admitted + 1
    local count = free > 0 and take_oldest(gate.gated, lane.list, free, admitted) or 0
    if count > 0 then redis.call('SADD', lane.slots, unpack(admitted, first, first + count - 1)) end
    local is_unused = used + count == 0
    local left = (is_shared or is_unused) and redis.call('LLEN', lane.list) or 1
    if is_shared then
      shares.queued = shares.queued + count
      shares.keys = shares.keys + mark_crowded(gate, name, left)
    end
    if is_unused and left == 0 then
      empty[#empty + 1], empty_tokens[#empty_tokens + 1] = name, lane.tokens
    elseif count > 0 then
      kept[#kept + 1], kept[#kept + 2] = now + CHECK_MS, name
    end
  end
  enter(door, admitted)
  if #kept > 0 then redis.call('ZADD', gate.lanes, 'NX', unpack(kept)) end
  if #empty > 0 then
    redis.call('ZREM', gate.lanes, unpack(empty))
    redis.call('SREM', gate.crowded, unpack(empty)) -- they may have had shares before their limit was lowered
    redis.call('DEL', unpack(empty_tokens))
  end
end
