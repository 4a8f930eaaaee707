// Made by scripts/build-lua.mjs from the files in lua/: change those, and run `npm run compile`.
/* eslint-disable */
export const scripts = {
  'add': String.raw`local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local ids, records, taken = {}, {}, {}
local count = 0
for i = 3, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local found = redis.call('HMGET', KEYS[1], unpack(ids))
local replies, waiting, delayed = {}, {}, {}
local record_args, waiting_count, delayed_args, first_due, has_large = 0, 0, 0, nil, false
for n = 1, count do
  local id, record, due = ids[n], ARGV[3 * n + 1], ARGV[3 * n + 2]
  if found[n] or taken[id] then
    replies[n] = 0
  else
    replies[n] = 1
    taken[id] = true
    records[record_args + 1], records[record_args + 2] = id, record
    record_args = record_args + 2
    if #record >= LARGE then has_large = true end
    if due == '' then
      waiting_count = waiting_count + 1
      waiting[waiting_count] = id
    else
      delayed[delayed_args + 1], delayed[delayed_args + 2] = due, id
      delayed_args = delayed_args + 2
      if not first_due or tonumber(due) < tonumber(first_due) then first_due = due end
    end
  end
end
if record_args == 0 then return replies end
redis.call('HSET', KEYS[1], unpack(records))
if has_large then mark_large(KEYS[3]) end
if ARGV[2] == '1' then
  local function leave(first, ids)
    if #ids == 0 then return end
    redis.call('ZREM', KEYS[first], unpack(ids))
    for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
    for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
    for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
  end
  local new = {}
  for id in pairs(taken) do new[#new + 1] = id end
  leave(6, new)
  redis.call('HDEL', KEYS[17], unpack(new))
  redis.call('HDEL', KEYS[18], unpack(new))
end
if waiting_count > 0 and push(KEYS[2], waiting) == waiting_count and redis.call('HEXISTS', KEYS[5], '') == 1 then
  push(KEYS[4], waiting)
  redis.call('DEL', KEYS[2])
end
if delayed_args > 0 then
  redis.call('ZADD', KEYS[6], unpack(delayed))
  local head = redis.call('ZRANGE', KEYS[6], 0, 0)
  if taken[head[1]] then redis.pcall('PUBLISH', ARGV[1], first_due) end
end
return replies`,
  'add-gated': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
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
local function put_first(gate, list, ids)
  for i = #ids, 1, -1 do
    enter_first(list, ids[i])
    redis.call('ZADD', gate.gated, now, ids[i])
  end
end
local function free_slots(gate, lane, rates, common, ids)
  if #ids == 0 then return 0 end
  if common then common.leave(ids) end
  if #rates > 0 then call_many('SREM', lane.tokens, ids) end
  call_many('HDEL', gate.laned, ids)
  return call_many('SREM', lane.slots, ids)
end
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
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local count = math.min(free, 1000)
  local found, looked_at = look_at(gated, list, free, count)
  if #found == free or looked_at < count or count == 1000 then return found, looked_at end
  return look_at(gated, list, free, math.min(free + 100, 1000))
end
local function take_slots(gate, lane, name, rates, common, ids)
  if #ids == 0 then return end
  redis.call('SADD', lane.slots, unpack(ids))
  if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
  if common then common.take(ids) end
  if not is_rated(rates, common) then return end
  for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
end
local function read_shares(door, gate)
  local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
  return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
end
local function fair_share(shares, used, is_new)
  local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
  local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
  if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
  return math.max(free, math.ceil(capacity / 2) - queued)
end
local function is_shared_lane(name, max)
  return max > FEW and string.find(name, ' ', 1, true) < #name
end
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
    if not is_shared then mark_crowded(gate, name, 0) end
    if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
  elseif #admitted + #parked + #heads > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
  end
  return is_empty
end
use_levels(KEYS[2], KEYS[15], KEYS[23], KEYS[24], KEYS[25])
local gate, lanes, free, replies, stored, earlier = gate_at(17), {}, {}, {}, {}, nil
local waiting = door(KEYS[2], KEYS[15], KEYS[16])
for i = 3, #ARGV, 5 do
  local id, record, due, number = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local level = ARGV[i + 4]
  local is_new = redis.call('HSETNX', KEYS[1], id, record)
  replies[#replies + 1] = is_new
  if is_new == 1 then
    stored[#stored + 1] = id
    if #record >= LARGE then mark_large(KEYS[14]) end
    if ARGV[2] == '1' then
      leave(3, { id })
      redis.call('HDEL', KEYS[18], id)
      redis.call('HDEL', KEYS[25], id)
    end
    if level ~= '' then redis.call('HSET', KEYS[25], id, level) end
    if due == '' and number == 0 then
      free[#free + 1] = id
    elseif due == '' then
      lanes[number] = lanes[number] or {}
      table.insert(lanes[number], id)
    else
      redis.call('ZADD', KEYS[3], due, id)
      if number > 0 then redis.call('HSET', KEYS[18], id, string.sub(KEYS[22 + 4 * number], #ARGV[1] + 7)) end
      if not earlier or tonumber(due) < tonumber(earlier) then earlier = due end
    end
  end
end
enter(waiting, free)
for number, ids in pairs(lanes) do
  local gone = ARGV[2] == '1' and ids or nil
  move_lane(waiting, gate, ARGV[1], lane_at(22 + 4 * number), { arrivals = ids, gone = gone, ran = gone })
end
if earlier then redis.pcall('PUBLISH', ARGV[1] .. 'earlierDelayed', earlier) end
return replies`,
  'add-history': String.raw`local function kept_in(key)
  local packed = redis.pcall('GET', key)
  local is_packed, kept = pcall(cmsgpack.unpack, type(packed) == 'string' and packed or '')
  return is_packed and type(kept) == 'table' and kept or {}
end
local kept, most, count = kept_in(KEYS[1]), tonumber(ARGV[2]), 0
for _ in pairs(kept) do count = count + 1 end
for _, counted in ipairs(cjson.decode(ARGV[3])) do
  local name = counted[1]
  if not kept[name] and count >= most then name = 'other' end
  if not kept[name] then
    kept[name] = {}
    count = count + 1
  end
  for i, number in ipairs(counted[2]) do kept[name][i] = (kept[name][i] or 0) + number end
end
redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'PX', ARGV[1])
return count`,
  'add-unique': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
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
local function put_first(gate, list, ids)
  for i = #ids, 1, -1 do
    enter_first(list, ids[i])
    redis.call('ZADD', gate.gated, now, ids[i])
  end
end
local function free_slots(gate, lane, rates, common, ids)
  if #ids == 0 then return 0 end
  if common then common.leave(ids) end
  if #rates > 0 then call_many('SREM', lane.tokens, ids) end
  call_many('HDEL', gate.laned, ids)
  return call_many('SREM', lane.slots, ids)
end
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
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local count = math.min(free, 1000)
  local found, looked_at = look_at(gated, list, free, count)
  if #found == free or looked_at < count or count == 1000 then return found, looked_at end
  return look_at(gated, list, free, math.min(free + 100, 1000))
end
local function take_slots(gate, lane, name, rates, common, ids)
  if #ids == 0 then return end
  redis.call('SADD', lane.slots, unpack(ids))
  if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
  if common then common.take(ids) end
  if not is_rated(rates, common) then return end
  for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
end
local function read_shares(door, gate)
  local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
  return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
end
local function fair_share(shares, used, is_new)
  local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
  local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
  if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
  return math.max(free, math.ceil(capacity / 2) - queued)
end
local function is_shared_lane(name, max)
  return max > FEW and string.find(name, ' ', 1, true) < #name
end
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
    if not is_shared then mark_crowded(gate, name, 0) end
    if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
  elseif #admitted + #parked + #heads > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
  end
  return is_empty
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local function is_unfinished(task, jobs, first)
  if redis.call('HEXISTS', jobs, task) == 0 then return false end
  for i = first, first + 1 do
    if redis.call('SISMEMBER', KEYS[i], task) == 1 then return false end
  end
  for i = first + 2, first + 5 do
    if redis.call('ZSCORE', KEYS[i], task) then return false end
  end
  return true
end
local function retag(tags, tagged, id, names, timestamp)
  local before, time = redis.call('HGET', tagged, id), string.format('%016.0f', timestamp)
  if not before and (names or '') == '' then return end
  if names and names ~= '' then redis.call('HSET', tagged, id, time .. ' ' .. names) end
  local old = string.match(before or '', '^%S+')
  for name in string.gmatch(string.sub(before or '', #(old or '') + 1), '%S+') do
    redis.call('ZREM', tags, name .. ' ' .. old .. ' ' .. id)
  end
  for name in string.gmatch(names or '', '%S+') do redis.call('ZADD', tags, 0, name .. ' ' .. time .. ' ' .. id) end
  if (names or '') == '' then redis.call('HDEL', tagged, id) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local function id_of(value)
  local till, id = string.match(value or '', '^(%d+) (.*)$')
  return id, tonumber(till or 0)
end
local function start_rerun(keys, prefix, key, packed)
  local is_packed, task = pcall(cmsgpack.unpack, packed)
  if not is_packed or type(task) ~= 'table' then return false end
  local own, number = task.id, 1
  while redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 do
    number = number + 1
    task.id = own .. '-' .. number
  end
  if #task.record >= LARGE then mark_large(keys.large) end
  redis.call('HSET', keys.unique, key, '0 ' .. task.id)
  redis.call('HSET', keys.keyed, task.id, key)
  retag(keys.tags, keys.tagged, task.id, task.tags, tonumber(task.timestamp) or now)
  if task.level ~= '' then redis.call('HSET', keys.levels, task.id, task.level) end
  if task.lane ~= '' then redis.call('HSET', keys.laned, task.id, task.lane) end
  local due = string.format('%.0f', math.max(now, tonumber(task.due) or 0))
  redis.call('ZADD', keys.delayed, due, task.id)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', due)
  return true
end
local function end_keyed(keys, prefix, id, key, counts)
  local standing, till = id_of(redis.call('HGET', keys.unique, key))
  if standing == id and counts and till > now then return end
  local packed = redis.call('HGET', keys.rerun, id)
  local goes_on = standing == id and packed and start_rerun(keys, prefix, key, packed)
  if standing == id and not goes_on then redis.call('HDEL', keys.unique, key) end
  if packed then redis.call('HDEL', keys.rerun, id) end
  redis.call('HDEL', keys.keyed, id)
end
local function decode(text)
  local is_json, value = pcall(cjson.decode, text)
  if is_json then return value end
  local lenient = cjson.new()
  lenient.decode_max_depth(1100)
  is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  return is_json and value or nil
end
use_levels(KEYS[2], KEYS[15], KEYS[28], KEYS[29], KEYS[30])
local prefix = ARGV[1]
local gate = gate_at(17)
local door_now = door(KEYS[2], KEYS[15], KEYS[16])
local earlier = nil
local function facts_of(record)
  local from = string.match(record, '^.*"options":({"timestamp":.*)$')
  local value = from and decode('{"options":' .. from) or decode(record)
  if type(value) ~= 'table' or type(value.options) ~= 'table' then return {} end
  return value.options, value.status
end
local function is_running(id)
  if redis.call('HEXISTS', KEYS[4], id) == 1 then return true end
  return redis.call('LLEN', KEYS[23]) > 0 and redis.call('LPOS', KEYS[23], id) ~= false
end
local function standing_of(key)
  local value = redis.call('HGET', KEYS[24], key)
  local id, till = id_of(value)
  local record = id and redis.call('HGET', KEYS[1], id)
  if not record then return nil end
  local options, status = facts_of(record)
  if options.unique ~= key then return nil end
  local task = { id = id, till = till, options = options, status = status }
  task.is_running = is_running(id)
  task.has_ended = not is_unfinished(id, KEYS[1], 8)
  task.due = redis.call('ZSCORE', KEYS[3], id)
  return task
end
local function is_covered(task, rule)
  local open = not task.has_ended and not task.is_running
  local expires = tonumber(task.options.expires)
  if open and task.status == 'created' and expires and expires <= now then return false end
  if rule.conflict == 'debounce' then return open and task.due ~= false and task.status ~= 'retrying' end
  if open and (task.status == 'retrying' or rule.scope == 'waiting') then return true end
  if rule.scope == 'waiting' then return false end
  if rule.scope == 'unfinished' then return not task.has_ended end
  local counts = task.till > now and task.till <= now + tonumber(rule.scope)
  return counts and task.status ~= 'cancelled' and task.status ~= 'expired'
end
local function same_life(record, options)
  local head, tail = string.match(record, '^(.*"options":{"timestamp":)%d+(.*)$')
  local nonce = type(options.nonce) == 'string' and string.match(options.nonce, '^[%x-]+$')
  local stamp = string.format('%.0f', tonumber(options.timestamp) or now)
  return head .. stamp .. (nonce and ',"nonce":"' .. nonce .. '"' or '')
    .. string.gsub(tail, ',"nonce":"[%x-]+"', '', 1)
end
local function announce(due)
  if not earlier or tonumber(due) < tonumber(earlier) then earlier = due end
end
local function delay(id, due, lane)
  redis.call('ZADD', KEYS[3], due, id)
  if lane == '' then
    redis.call('HDEL', KEYS[18], id)
  else
    redis.call('HSET', KEYS[18], id, lane)
  end
  announce(due)
end
local function set_level(id, level)
  if level == '' then
    redis.call('HDEL', KEYS[30], id)
  else
    redis.call('HSET', KEYS[30], id, level)
  end
end
local function move_to_level(id, level)
  local before = redis.call('HGET', KEYS[30], id) or ''
  set_level(id, level)
  if before == level or redis.call('ZSCORE', KEYS[17], id) then return end
  unqueue(KEYS[33], { id }, { KEYS[2], KEYS[15], KEYS[34], KEYS[28], KEYS[29] })
  enter(door_now, { id })
end
local function index_tags(id, new, options)
  retag(KEYS[31], KEYS[32], id, new.tags, tonumber(options.timestamp) or now)
end
local function due_again(task, new, rule)
  if rule.conflict ~= 'debounce' then return new.due == '' and string.format('%.0f', now) or new.due end
  local due = now + tonumber(rule.scope)
  if rule.longest ~= '' then due = math.min(due, task.till + tonumber(rule.longest)) end
  return string.format('%.0f', due)
end
local function replace(task, new, rule)
  local lane = task.options.lane or ''
  local is_placed = not task.due or lane ~= '' and redis.call('HEXISTS', KEYS[18], task.id) == 0
  local is_bound = is_placed or task.options.ordered == true
  if is_bound and lane ~= new.lane then return '!' .. task.id end
  redis.call('HSET', KEYS[1], task.id, same_life(new.record, task.options))
  if #new.record >= LARGE then mark_large(KEYS[14]) end
  index_tags(task.id, new, task.options)
  if task.due then
    set_level(task.id, new.level)
    delay(task.id, due_again(task, new, rule), is_placed and '' or new.lane)
  else
    move_to_level(task.id, new.level)
  end
  redis.call('HDEL', KEYS[26], task.id)
  publish_if_watched(KEYS[27], prefix, task.id, task.due and 'delayed' or 'waiting')
  return '=' .. task.id
end
local function on_conflict(task, new, rule)
  if task.has_ended or rule.conflict == 'keep' or task.is_running and rule.conflict ~= 'rerun' then
    return '=' .. task.id
  end
  if not task.is_running then return replace(task, new, rule) end
  if new.tags ~= '' then new.timestamp = facts_of(new.record).timestamp end
  redis.call('HSET', KEYS[26], task.id, cmsgpack.pack(new))
  redis.call('HSET', KEYS[25], task.id, rule.key)
  return '=' .. task.id
end
local function store(new, rule, number)
  redis.call('HSETNX', KEYS[1], new.id, new.record)
  if #new.record >= LARGE then mark_large(KEYS[14]) end
  if ARGV[2] == '1' then
    leave(3, { new.id })
    redis.call('HDEL', KEYS[18], new.id)
  end
  if new.level ~= '' or ARGV[2] == '1' then set_level(new.id, new.level) end
  if new.tags ~= '' or ARGV[2] == '1' then index_tags(new.id, new, facts_of(new.record)) end
  local till = rule.conflict == 'debounce' and now or now + (tonumber(rule.scope) or -now)
  redis.call('HSET', KEYS[24], rule.key, string.format('%.0f ', till) .. new.id)
  redis.call('HSET', KEYS[25], new.id, rule.key)
  if rule.conflict == 'debounce' then
    delay(new.id, string.format('%.0f', now + tonumber(rule.scope)), new.lane)
  elseif new.due ~= '' then
    delay(new.id, new.due, new.lane)
  elseif number == 0 then
    enter(door_now, { new.id })
  else
    local gone = ARGV[2] == '1' and { new.id } or nil
    move_lane(door_now, gate, prefix, lane_at(31 + 4 * number), { arrivals = { new.id }, gone = gone, ran = gone })
  end
  return 1
end
local function free_key_of(id)
  local key = ARGV[2] == '1' and redis.call('HGET', KEYS[25], id)
  if not key then return end
  local keys = {
    unique = KEYS[24], keyed = KEYS[25], rerun = KEYS[26], jobs = KEYS[1], delayed = KEYS[3], laned = KEYS[18],
    large = KEYS[14], levels = KEYS[30], tags = KEYS[31], tagged = KEYS[32]
  }
  end_keyed(keys, prefix, id, key)
end
local replies = {}
for i = 3, #ARGV, 10 do
  local number = tonumber(ARGV[i + 3])
  local lane = number > 0 and string.sub(KEYS[31 + 4 * number], #prefix + 7) or ''
  local new = { id = ARGV[i], record = ARGV[i + 1], due = ARGV[i + 2], lane = lane, level = ARGV[i + 8] }
  new.tags = ARGV[i + 9]
  local rule = { key = ARGV[i + 4], conflict = ARGV[i + 5], scope = ARGV[i + 6], longest = ARGV[i + 7] }
  if redis.call('HEXISTS', KEYS[1], new.id) == 1 then
    replies[#replies + 1] = 0
  else
    free_key_of(new.id)
    local task = standing_of(rule.key)
    replies[#replies + 1] = task and is_covered(task, rule) and on_conflict(task, new, rule) or store(new, rule, number)
  end
end
if earlier then redis.pcall('PUBLISH', prefix .. 'earlierDelayed', earlier) end
return replies`,
  'admit': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
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
local function put_first(gate, list, ids)
  for i = #ids, 1, -1 do
    enter_first(list, ids[i])
    redis.call('ZADD', gate.gated, now, ids[i])
  end
end
local function free_slots(gate, lane, rates, common, ids)
  if #ids == 0 then return 0 end
  if common then common.leave(ids) end
  if #rates > 0 then call_many('SREM', lane.tokens, ids) end
  call_many('HDEL', gate.laned, ids)
  return call_many('SREM', lane.slots, ids)
end
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
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local count = math.min(free, 1000)
  local found, looked_at = look_at(gated, list, free, count)
  if #found == free or looked_at < count or count == 1000 then return found, looked_at end
  return look_at(gated, list, free, math.min(free + 100, 1000))
end
local function take_slots(gate, lane, name, rates, common, ids)
  if #ids == 0 then return end
  redis.call('SADD', lane.slots, unpack(ids))
  if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
  if common then common.take(ids) end
  if not is_rated(rates, common) then return end
  for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
end
local function read_shares(door, gate)
  local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
  return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
end
local function fair_share(shares, used, is_new)
  local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
  local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
  if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
  return math.max(free, math.ceil(capacity / 2) - queued)
end
local function is_shared_lane(name, max)
  return max > FEW and string.find(name, ' ', 1, true) < #name
end
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
    if not is_shared then mark_crowded(gate, name, 0) end
    if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
  elseif #admitted + #parked + #heads > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
  end
  return is_empty
end
use_levels(KEYS[2], KEYS[3], KEYS[12], KEYS[13], KEYS[14])
local gate, lanes, moved = gate_at(6), {}, {}
local quota = ARGV[2] ~= '0' and tonumber(ARGV[2]) or nil
for i = 3, #ARGV, 2 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  lanes[number] = lanes[number] or { lane = lane_at(11 + 4 * number), arrivals = {}, heads = {} }
  local change = lanes[number]
  local due = id ~= '' and redis.call('ZSCORE', KEYS[5], id)
  if due and tonumber(due) <= now then
    moved[#moved + 1] = id
    if redis.call('HEXISTS', KEYS[1], id) == 1 then
      local has_slot = redis.call('SISMEMBER', change.lane.slots, id) == 1
      table.insert(has_slot and change.heads or change.arrivals, id)
    end
  end
end
local waiting = door(KEYS[2], KEYS[3], KEYS[4])
if #moved > 0 then redis.call('ZADD', KEYS[5], 'XX', now, moved[1]) end
call_many('ZREM', KEYS[5], moved)
call_many('HDEL', KEYS[7], moved)
for _, change in ipairs(lanes) do
  change.ran, change.quota = change.heads, quota
  move_lane(waiting, gate, ARGV[1], change.lane, change)
end
return #moved`,
  'agree-stall-interval': String.raw`local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] and tonumber(current) and redis.call('PTTL', KEYS[1]) > 0 then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2 * ARGV[1])
return ARGV[1]`,
  'append-log': String.raw`if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local id, most = ARGV[1], tonumber(ARGV[2])
local first, last, bytes = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%d+) (%d+) (%d+)$')
first, last, bytes = tonumber(first or 0), tonumber(last or 0), tonumber(bytes or 0)
redis.call('HSET', KEYS[2], id .. ' ' .. last, ARGV[3])
last, bytes = last + 1, bytes + #ARGV[3]
local dropped = {}
while first < last - 1 and (bytes > most or last - first > 500) do
  local field = id .. ' ' .. first
  bytes, first = bytes - redis.call('HSTRLEN', KEYS[2], field), first + 1
  dropped[#dropped + 1] = field
end
redis.call('HSET', KEYS[3], id, string.format('%.0f %.0f %.0f', first, last, bytes))
if #dropped > 0 then redis.call('HDEL', KEYS[2], unpack(dropped)) end
return 1`,
  'cancel': String.raw`local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if record ~= ARGV[2] then return 'changed' end
local claim = redis.call('HGET', KEYS[7], id)
if claim then
  redis.call('SADD', KEYS[10], id)
  local worker = string.match(claim, '^(.*)%.%d+ ')
  if worker then redis.pcall('PUBLISH', ARGV[5] .. 'cancel:' .. worker, id) end
  return 'requested'
end
local delayed = redis.call('ZSCORE', KEYS[6], id)
if not delayed and redis.call('LLEN', KEYS[3]) > 0 and redis.call('LPOS', KEYS[3], id) then return 'requested' end
redis.call('HSET', KEYS[1], id, ARGV[3])
leave(6, { id })
if tonumber(ARGV[4]) <= 0 then
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[28], id)
else
  redis.call('ZADD', KEYS[15], now + ARGV[4], id)
end
if #KEYS > 28 then
  local TIMES, NO_LIMIT = 256, 1000000000
  local known_rules = {}
  local function read_rules(limits, name)
    local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
    local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
    local of_key = { max = tonumber(digits or 1), rates = {} }
    local of_task = { max = NO_LIMIT, rates = {} }
    if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
    for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
      local rates = kind == 't' and of_task.rates or of_key.rates
      rates[#rates + 1] = { tonumber(max), tonumber(window) }
    end
    local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
    return { of_key.max, of_key.rates, has_common and of_task or nil }
  end
  local function rules_of(limits, lane)
    local name = string.match(lane, '^%S+')
    known_rules[name] = known_rules[name] or read_rules(limits, name)
    return unpack(known_rules[name], 1, 3)
  end
  local function is_rated(rates, common)
    return #rates > 0 or common ~= nil and #common.rates > 0
  end
  local function call_many(command, key, ids)
    local sum = 0
    for from = 1, #ids, 1000 do
      sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
    end
    return sum
  end
  local function keep_starts(lane, ms)
    if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
  end
  local function plan_look(closed, prefix, name, time)
    redis.call('ZADD', closed, time, name)
    redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
  end
  local function held_until(lane)
    local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
    return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
  end
  local function hold_lane(closed, prefix, name, lane, ms)
    local till = math.max(now + ms, held_until(lane))
    redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
    keep_starts(lane, till - now + 1000)
    plan_look(closed, prefix, name, till)
  end
  local function is_held_lane(closed, lane, name)
    return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
  end
  local function starts_in(lane, window)
    local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
    local starts, sum, is_set_back = {}, 0, false
    for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
      local time = math.min(all[i], now)
      if all[i] > now then is_set_back = true end
      if time + window >= now then
        starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
        sum = sum + all[i + 1]
      end
    end
    if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
    return starts, sum
  end
  local function rate_left(lane, rates)
    local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
    for _, rate in ipairs(rates) do
      local starts, sum = starts_in(lane, rate[2])
      left = math.min(left, rate[1] - tokens - sum)
      if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
    end
    return left, opens
  end
  local function add_starts(starts, most, count)
    while count > 0 do
      local at = #starts
      local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
      local added = is_full and math.min(count, most) or count
      if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
      if is_full then
        starts[at + 1], starts[at + 2] = now, added
      else
        starts[at - 1], starts[at] = now, starts[at] + added
      end
      count = count - added
    end
  end
  local function spend(lane, rates, ids)
    local count, life, seen = 0, 0, {}
    for from = 1, #ids, 1000 do
      local page = { unpack(ids, from, math.min(from + 999, #ids)) }
      for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
        if not seen[page[i]] then count = count + has_token end
        seen[page[i]] = true
      end
    end
    if count == 0 then return 0 end
    for _, rate in ipairs(rates) do
      local starts = starts_in(lane, rate[2])
      add_starts(starts, math.ceil(rate[1] / TIMES), count)
      redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
      life = math.max(life, rate[2])
    end
    keep_starts(lane, life + 1000)
    call_many('SREM', lane.tokens, ids)
    return count
  end
  local function look_again(closed, prefix, name, lane, rates)
    local left, opens = rate_left(lane, rates)
    if left > 0 or not opens then return end
    if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
  end
  local known_commons = {}
  local function make_common(prefix, task, rules)
    local common = { rates = rules.rates }
    local has_rates = #rules.rates > 0
    for first = #KEYS - 3, 1, -4 do
      if KEYS[first] == prefix .. 'slots:' .. task then
        common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
        break
      end
    end
    local free_slots, left, opens
    function common.room()
      if not free_slots then
        free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
        if has_rates then left, opens = rate_left(common, common.rates) end
      end
      return math.min(free_slots, left), free_slots > 0 and opens or nil
    end
    local function count(slots, tokens)
      if not free_slots then return end
      free_slots, left = free_slots + slots, left + tokens
      if left <= 0 and not opens then free_slots = nil end
    end
    function common.free(name, quota)
      local others = redis.call('ZCARD', common.turns)
      if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
      return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
    end
    function common.take(ids)
      local slots = call_many('SADD', common.slots, ids)
      count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
    end
    function common.leave(ids)
      local slots = call_many('SREM', common.slots, ids)
      count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
    end
    function common.spend(ids)
      local started = has_rates and spend(common, common.rates, ids) or 0
      if started > 0 then free_slots = nil end
      return started
    end
    function common.plan(closed)
      if redis.call('ZCARD', common.turns) == 0 then return end
      local room, opens_at = common.room()
      local time = room > 0 and now or opens_at
      local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
      if time and planned ~= time and (planned == 0 or planned > now or time > now) then
        plan_look(closed, prefix, task, time)
      end
    end
    local function stand(name, is_again)
      if not is_again and redis.call('ZSCORE', common.turns, name) then return end
      local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
      redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
    end
    function common.wait(gate, name, waits, had_turn)
      if waits then
        stand(name, had_turn)
      else
        redis.call('ZREM', common.turns, name)
      end
      if redis.call('EXISTS', common.slots, common.turns) > 0 then
        redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
      end
      common.plan(gate.closed)
    end
    return common
  end
  local function common_at(prefix, lane, rules)
    if not rules then return nil end
    local task = string.match(lane, '^%S+')
    known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
    return known_commons[task]
  end
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
  local function put_first(gate, list, ids)
    for i = #ids, 1, -1 do
      enter_first(list, ids[i])
      redis.call('ZADD', gate.gated, now, ids[i])
    end
  end
  local function free_slots(gate, lane, rates, common, ids)
    if #ids == 0 then return 0 end
    if common then common.leave(ids) end
    if #rates > 0 then call_many('SREM', lane.tokens, ids) end
    call_many('HDEL', gate.laned, ids)
    return call_many('SREM', lane.slots, ids)
  end
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
  local function next_of(gated, list, free)
    if free <= 0 then return {}, 0 end
    local count = math.min(free, 1000)
    local found, looked_at = look_at(gated, list, free, count)
    if #found == free or looked_at < count or count == 1000 then return found, looked_at end
    return look_at(gated, list, free, math.min(free + 100, 1000))
  end
  local function take_slots(gate, lane, name, rates, common, ids)
    if #ids == 0 then return end
    redis.call('SADD', lane.slots, unpack(ids))
    if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
    if common then common.take(ids) end
    if not is_rated(rates, common) then return end
    for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
  end
  local function read_shares(door, gate)
    local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
    return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
  end
  local function fair_share(shares, used, is_new)
    local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
    local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
    if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
    return math.max(free, math.ceil(capacity / 2) - queued)
  end
  local function is_shared_lane(name, max)
    return max > FEW and string.find(name, ' ', 1, true) < #name
  end
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
      if not is_shared then mark_crowded(gate, name, 0) end
      if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
    elseif #admitted + #parked + #heads > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
    end
    return is_empty
  end
  local function leave_lane(first, prefix, id, has_run)
    local gate, lane = gate_at(first + 1), lane_at(first + 10)
    redis.call('HDEL', gate.laned, id)
    local was_gated = redis.call('ZREM', gate.gated, id) == 1
    if was_gated and redis.call('LLEN', lane.list) <= 1000 then redis.call('LREM', lane.list, 0, id) end
    local change = { gone = { id }, ran = has_run and { id } or nil }
    move_lane(door(KEYS[2], KEYS[first - 2], KEYS[first]), gate, prefix, lane, change)
    return was_gated
  end
  use_levels(KEYS[2], KEYS[17], KEYS[26], KEYS[27], KEYS[28])
  if leave_lane(19, ARGV[5], id, delayed) then delayed = true end
end
if not delayed then unqueue(KEYS[4], { id }, { KEYS[2], KEYS[17], KEYS[18], KEYS[26], KEYS[27] }) end
if redis.call('HEXISTS', KEYS[19], '') == 0 then wake(KEYS[2], KEYS[26], KEYS[27]) end
publish_if_watched(KEYS[5], ARGV[5], id, 'cancelled')
return 'cancelled'`,
  'cancel-many': String.raw`local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_as_read(record, sent)
  if string.byte(sent) == 35 then return redis.sha1hex(record) == string.sub(sent, 2) end
  return record == string.sub(sent, 2)
end
local MOST_HELD = 100
local ids = {}
for i = 2, #ARGV, 5 do ids[#ids + 1] = ARGV[i] end
local records, claims = redis.call('HMGET', KEYS[1], unpack(ids)), redis.call('HMGET', KEYS[7], unpack(ids))
local due, held_count, is_held = redis.call('ZMSCORE', KEYS[6], unpack(ids)), redis.call('LLEN', KEYS[3]), {}
if held_count <= MOST_HELD then
  for _, id in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do is_held[id] = true end
end
local function reply_to(i, sent)
  if not records[i] then return 'unknown' end
  if not is_as_read(records[i], sent) then return 'changed' end
  if claims[i] or is_held[ids[i]] and not due[i] then return 'requested' end
  if not due[i] and held_count > MOST_HELD then return 'alone' end
  return 'cancelled'
end
local replies, ended, gone, requested, waited, written, expiries = {}, {}, {}, {}, {}, {}, {}
local seen = {}
for i, id in ipairs(ids) do
  local at = 5 * i - 3
  replies[i] = seen[id] or reply_to(i, ARGV[at + 1])
  if replies[i] == 'requested' and claims[i] then requested[#requested + 1] = id end
  if replies[i] == 'cancelled' then
    local ttl = tonumber(ARGV[at + 4])
    seen[id] = ttl > 0 and 'changed' or 'unknown'
    ended[#ended + 1] = id
    if not due[i] then waited[#waited + 1] = id end
    if ttl > 0 then
      written[#written + 1], written[#written + 2] = id, string.sub(records[i], 1, ARGV[at + 2]) .. ARGV[at + 3]
      expiries[#expiries + 1], expiries[#expiries + 2] = now + ttl, id
    else
      gone[#gone + 1] = id
    end
  end
end
if #written > 0 then redis.call('HSET', KEYS[1], unpack(written)) end
if #requested > 0 then redis.call('SADD', KEYS[10], unpack(requested)) end
leave(6, ended)
if #expiries > 0 then redis.call('ZADD', KEYS[15], unpack(expiries)) end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[22], unpack(gone))
end
unqueue(KEYS[4], waited, { KEYS[2], KEYS[17], KEYS[18], KEYS[20], KEYS[21] })
if #ended > 0 and redis.call('HEXISTS', KEYS[19], '') == 0 then wake(KEYS[2], KEYS[20], KEYS[21]) end
local marks = redis.call('ZMSCORE', KEYS[5], unpack(ids))
for i, id in ipairs(ids) do
  local worker = replies[i] == 'requested' and claims[i] and string.match(claims[i], '^(.*)%.%d+ ')
  if worker then redis.pcall('PUBLISH', ARGV[1] .. 'cancel:' .. worker, id) end
  if replies[i] == 'cancelled' and marks[i] then redis.pcall('PUBLISH', ARGV[1] .. 'task:' .. id, 'cancelled') end
end
return replies`,
  'change-schedule': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function load_state(states, id)
  local text = redis.call('HGET', states, id)
  local is_json, state = pcall(cjson.decode, text or '')
  return is_json and type(state) == 'table' and state or nil
end
local function save_state(states, id, state)
  redis.call('HSET', states, id, cjson.encode(state))
end
local function is_whole(schedules, ticks, id, state)
  return redis.call('HEXISTS', schedules, id) == 1 and (not state.next or redis.call('ZSCORE', ticks, id))
end
local function miss(state, count, last)
  if tonumber(count) == 0 then return end
  state.missed, state.mark = (state.missed or 0) + tonumber(count), tonumber(last)
end
local function next_of(state) return state.next and string.format('%.0f', state.next) or '' end
local function generation_of(state) return string.format('%.0f', tonumber(state.generation) or 0) end
local function miss_left(state, expected, generation, count, last, every)
  local next = next_of(state)
  if next ~= expected then
    if generation_of(state) ~= generation then return false end
    if tonumber(count) == 0 or next == '' or state.next > tonumber(last) then return true end
    if every == '' then return false end
    count = math.floor((tonumber(last) - state.next) / tonumber(every)) + 1
  end
  miss(state, count, last)
  return true
end
local function plan(states, ticks, id, state, next, due)
  local done = state.max and (state.fired or 0) >= state.max
  state.next = nil
  if next ~= '' and not (done or state.paused or state.orphan) then state.next = tonumber(next) end
  save_state(states, id, state)
  if state.next then
    redis.call('ZADD', ticks, due, id)
  else
    redis.call('ZREM', ticks, id)
  end
end
local id, action = ARGV[1], ARGV[2]
if action == 'put off' then
  local spec = load_state(KEYS[2], id) and redis.call('HGET', KEYS[1], id) or ''
  if spec ~= ARGV[3] then return '' end
  if spec == '' then
    redis.call('SREM', KEYS[4], id)
    return redis.call('ZREM', KEYS[3], id) == 1 and '{}' or ''
  end
  local due = redis.call('ZSCORE', KEYS[3], id)
  if not due or tonumber(due) > now then return '' end
  redis.call('ZADD', KEYS[3], now + 60000, id)
  return '{}'
end
local text = redis.call('HGET', KEYS[2], id)
local state = load_state(KEYS[2], id)
if action == 'leave' then
  local epoch = tonumber(ARGV[3])
  if state and state.epoch > epoch then return '' end
  state = state or {}
  state.epoch, state.moved = epoch, true
  save_state(KEYS[2], id, state)
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('SREM', KEYS[4], id)
  return text or ''
end
if not state or state.moved then return '' end
if action == 'remove' then
  if (state.epoch or 0) > tonumber(ARGV[3]) then return '' end
  if state.declared and not state.orphan and now - state.seen <= state.grace then return '' end
  redis.call('HDEL', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('SREM', KEYS[4], id)
  return text
elseif action == 'see' then
  if state.hash ~= ARGV[3] or not state.declared or state.orphan then return '' end
  if not is_whole(KEYS[1], KEYS[3], id, state) then return '' end
  state.seen = now
  save_state(KEYS[2], id, state)
elseif action == 'pause' then
  if state.paused then return text end
  if not miss_left(state, ARGV[3], ARGV[7], ARGV[4], ARGV[5], ARGV[6]) then return 'passed' end
  if state.held then state.skipped = (state.skipped or 0) + 1 end
  state.paused, state.held, state.heldMissed = true, nil, nil
  plan(KEYS[2], KEYS[3], id, state, '', 0)
  redis.call('SREM', KEYS[4], id)
elseif state.paused then
  if generation_of(state) ~= ARGV[6] then return 'passed' end
  if state.mark and ARGV[3] ~= '' and tonumber(ARGV[3]) <= state.mark then return 'passed' end
  state.paused = nil
  plan(KEYS[2], KEYS[3], id, state, ARGV[3], ARGV[4])
  if state.next then redis.pcall('PUBLISH', ARGV[5], ARGV[4]) end
end
return text`,
  'check-claims': String.raw`local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local replies = {}
for i = 1, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local code = 0
  if is_owner(token, redis.call('HGET', KEYS[1], id)) then
    code = redis.call('SISMEMBER', KEYS[2], id) == 1 and 2 or 1
  end
  replies[#replies + 1] = code
end
return replies`,
  'claim': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function to_claim(token, claimed_at)
  return string.format('%-80s', token .. ' ' .. claimed_at)
end
local function renew_lease(leases, tick, worker)
  local now = tonumber(redis.call('GET', tick) or 0) or 0
  local before = tonumber(redis.call('ZSCORE', leases, worker) or -5)
  if before ~= now then redis.call('ZADD', leases, now, worker) end
  return before > now - 5 and before <= now
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local function read_in_parts(jobs, ids)
  local records, bytes, first = {}, 0, #ids + 1
  while first > 1 and bytes < 524288 do
    local from = math.max(1, first - 2)
    local read = redis.call('HMGET', jobs, unpack(ids, from, first - 1))
    for i = 1, first - from do
      records[from + i - 1] = read[i]
      if read[i] then bytes = bytes + #read[i] end
    end
    first = from
  end
  return records, first
end
local function read_last_records(jobs, large, ids)
  if redis.call('EXISTS', large) == 1 then return read_in_parts(jobs, ids) end
  local records = redis.call('HMGET', jobs, unpack(ids))
  for i = 1, #ids do
    if records[i] and #records[i] >= LARGE then
      mark_large(large)
      break
    end
  end
  return records, 1
end
local token, mode = ARGV[2], ARGV[4]
local reply = { now, 1, 0 }
local claim = to_claim(token, now)
local rare = redis.call('EXISTS', KEYS[3], KEYS[6], KEYS[9], KEYS[10], KEYS[11], KEYS[14], KEYS[17], KEYS[19], KEYS[20],
  KEYS[21])
local nothing_rare = rare == 0
local NOW, WAIT = ' now', ' wait'
local function reclaim()
  local function is_owner(token, claim)
    return claim and string.sub(claim, 1, #token + 1) == token .. ' '
  end
  local function claimed_before()
    for _, packed in ipairs(redis.call('HMGET', KEYS[15], ARGV[3] .. NOW, ARGV[3] .. WAIT)) do
      local is_packed, last = pcall(cmsgpack.unpack, packed or '')
      if is_packed and type(last) == 'table' and last.token == token then return last.ids end
    end
    return {}
  end
  local before, ids, claims = claimed_before(), {}, {}
  local owners = #before > 0 and redis.call('HMGET', KEYS[5], unpack(before)) or {}
  for i, id in ipairs(before) do
    if is_owner(token, owners[i]) then
      ids[#ids + 1] = id
      claims[#claims + 1] = id
      claims[#claims + 1] = claim
    end
  end
  if #ids == 0 then return false end
  redis.pcall('HSET', KEYS[5], unpack(claims))
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  if #ids == 1 and not nothing_rare then reply[#reply + 1] = redis.call('HGET', KEYS[6], ids[1]) or nil end
  return true
end
local function take_back(count)
  local ids = count > 0 and redis.call('LRANGE', KEYS[14], -count, -1) or {}
  for _, id in ipairs(ids) do redis.call('RPUSH', KEYS[1], id) end
  if #ids > 0 then redis.call('LTRIM', KEYS[14], 0, -count - 1) end
end
local function before_stalled(ids)
  if #ids == 0 or nothing_rare or redis.call('EXISTS', KEYS[6]) == 0 then return ids end
  local stalls = redis.call('HMGET', KEYS[6], unpack(ids))
  local first = #ids
  if not stalls[first] then
    while first > 1 and not stalls[first - 1] do first = first - 1 end
  end
  return { unpack(ids, first) }, stalls[first]
end
local function is_utf8(id)
  if string.find(id, '^[^\128-\255]*$') then return true end
  local sequences = {
    '[\194-\223][\128-\191]',
    '\224[\160-\191][\128-\191]',
    '[\225-\236\238\239][\128-\191][\128-\191]',
    '\237[\128-\159][\128-\191]',
    '\240[\144-\191][\128-\191][\128-\191]',
    '[\241-\243][\128-\191][\128-\191][\128-\191]',
    '\244[\128-\143][\128-\191][\128-\191]'
  }
  for _, sequence in ipairs(sequences) do id = string.gsub(id, sequence, ' ') end
  return not string.find(id, '[\128-\255]')
end
local function set_aside(id)
  local record = '{"data":{"name":"unknown"},"options":{"timestamp":%.0f},"status":"failed","finishedAt":%.0f,'
    .. '"error":{"name":"Error","message":"The id of the task is not UTF-8","code":"FST_TASKS_RECORD_INVALID"}}'
  redis.call('HSET', KEYS[4], id, string.format(record, now, now))
  redis.call('SADD', KEYS[7], id)
  redis.call('ZADD', KEYS[8], now + 86400000, id)
end
local function publish_active(ids)
  if nothing_rare or redis.call('EXISTS', KEYS[9]) == 0 then return end
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for i = 1, #ids do changes[i] = 'active' end
  publish_watched(KEYS[9], ARGV[5], ids, changes)
end
local function is_left_over(id, record)
  local function decode(text)
    local is_json, value = pcall(cjson.decode, text)
    if is_json then return value end
    local lenient = cjson.new()
    lenient.decode_max_depth(1100)
    is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
    return is_json and value or nil
  end
  local function status_of(record)
    if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
    local at_end = string.match(string.sub(record, -300), '^.*,"status":"(%a+)"[^{}%[%]]*}$')
    if at_end then return at_end end
    local value = decode(record)
    local status = type(value) == 'table' and value.status
    return type(status) == 'string' and status or ''
  end
  local status = status_of(record)
  if status == 'succeeded' or status == 'failed' or status == 'cancelled' or status == 'expired' then return true end
  return redis.call('LLEN', KEYS[2]) > 0 and redis.call('LPOS', KEYS[2], id) ~= false
end
local function doubts(ids)
  if nothing_rare then return {}, {} end
  local due = redis.call('EXISTS', KEYS[3]) == 1 and redis.call('ZMSCORE', KEYS[3], unpack(ids)) or {}
  return due, redis.call('EXISTS', KEYS[11]) == 1 and redis.call('HMGET', KEYS[11], unpack(ids)) or {}
end
local is_paused, paused_names = false, nil
if not nothing_rare then
  for _, field in ipairs(redis.call('HKEYS', KEYS[17])) do
    if field == '' then
      is_paused = true
    else
      paused_names = paused_names or {}
      paused_names[string.sub(field, 3)] = true
    end
  end
end
local function is_name_paused(record)
  local name = string.match(record, '^{"data":{"name":"([^"\\]*)"')
  if not name then
    local function decode(text)
      local is_json, value = pcall(cjson.decode, text)
      if is_json then return value end
      local lenient = cjson.new()
      lenient.decode_max_depth(1100)
      is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
      return is_json and value or nil
    end
    local value = decode(record)
    local data = type(value) == 'table' and value.data
    name = type(data) == 'table' and data.name
  end
  return name and paused_names[name]
end
local total, all_claimed, is_alone = 0, {}, false
local function take(list, free)
  local ids, stalls = before_stalled(free > 0 and redis.call('LRANGE', list, -free, -1) or {})
  local count = #ids
  if count == 0 or stalls and total > 0 then return false end
  local claims = redis.call('HMGET', KEYS[5], unpack(ids))
  local records, first = read_last_records(KEYS[4], KEYS[16], ids)
  local due, marks = doubts(ids)
  local all_utf8 = is_utf8(table.concat(ids, ' '))
  local claimed, seen, dropped, oldest_first, parked = {}, {}, {}, {}, {}
  local claimed_count, before = 0, 2 * total
  for i = count, first, -1 do
    local id, record = ids[i], records[i]
    if not record or claims[i] or due[i] or seen[id] or (marks[i] and is_left_over(id, record)) then
      if marks[i] then dropped[#dropped + 1] = id end
    elseif not all_utf8 and not is_utf8(id) then
      set_aside(id)
    elseif paused_names and is_name_paused(record) then
      seen[id] = true
      parked[#parked + 1] = id
    else
      seen[id] = true
      local at = 2 * claimed_count
      claimed[at + 1], claimed[at + 2] = id, claim
      reply[before + at + 4], reply[before + at + 5] = id, record
      claimed_count = claimed_count + 1
      oldest_first[claimed_count] = id
      all_claimed[total + claimed_count] = id
    end
  end
  if claimed_count > 0 then
    redis.call('HSET', KEYS[5], unpack(claimed))
    local kind = ARGV[3] .. (mode == 'next' and WAIT or NOW)
    local last = cmsgpack.pack({ token = token, ids = all_claimed })
    if redis.call('HSET', KEYS[15], kind, last) == 1 then redis.call('PEXPIRE', KEYS[15], 86400000) end
    if not renew_lease(KEYS[12], KEYS[13], ARGV[3]) then reply[2] = 0 end
  end
  if paused_names then push(KEYS[18], parked) end
  redis.call('LTRIM', list, 0, first - count - 2)
  if #dropped > 0 then
    local function unqueue(leftovers, ids, lists)
      if #ids == 0 then return end
      local filled, size = {}, 0
      for _, list in ipairs(lists) do
        local length = redis.call('LLEN', list)
        if length > 0 then filled[#filled + 1] = list end
        size = size + length
      end
      if size > 1000 then
        for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
        redis.call('HINCRBY', leftovers, '', #ids)
        return
      end
      for _, list in ipairs(filled) do
        for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
      end
    end
    local function drop_leftover(leftovers, id)
      if redis.call('HEXISTS', leftovers, id) == 0 then return end
      if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
      redis.call('HINCRBY', leftovers, '', -1)
    end
    for _, id in ipairs(dropped) do drop_leftover(KEYS[11], id) end
  end
  if claimed_count > 0 then publish_active(oldest_first) end
  if claimed_count > 0 and stalls then reply[6] = stalls end
  is_alone = claimed_count > 0 and stalls ~= nil
  total = total + claimed_count
  return true
end
local function take_by_level(_, free)
  local function count_high()
    local ids = free > 0 and redis.call('LRANGE', KEYS[1], -free, -1) or {}
    local levels, count = #ids > 0 and redis.call('HMGET', KEYS[22], unpack(ids)) or {}, 0
    while count < #ids and levels[#ids - count] == 'h' do count = count + 1 end
    return count
  end
  local found = false
  local function take_from(list, most)
    local room = math.min(most, free - total)
    local is_over = is_alone or found and total == 0
    if room > 0 and not is_over and take(list, room) then found = true end
  end
  if redis.call('HINCRBY', KEYS[22], '', 1) % 16 == 0 then
    take_from(KEYS[21], 1)
    take_from(KEYS[1], 1)
  end
  take_from(KEYS[1], count_high())
  for _, list in ipairs({ KEYS[20], KEYS[1], KEYS[21] }) do take_from(list, free) end
  return found
end
local has_levels = not nothing_rare and redis.call('EXISTS', KEYS[20], KEYS[21]) > 0
local take_next = has_levels and take_by_level or take
local free = tonumber(ARGV[1])
if not nothing_rare then take_back(mode == 'now' and free - redis.call('LLEN', KEYS[1]) or 1) end
local is_cancelled = mode == 'next' and not nothing_rare and type(redis.pcall('ZSCORE', KEYS[10], token)) == 'string'
if is_cancelled then return reply end
if mode == 'again' and reclaim() then return reply end
if mode == 'cancel-wait' then
  redis.pcall('ZADD', KEYS[10], now + 60000, token)
  redis.pcall('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
  redis.call('PEXPIRE', KEYS[10], 60000)
  reclaim()
  return reply
end
local tries = mode == 'next' and 500 or paused_names and 50 or 1
if not nothing_rare then
  local function move_oldest(from, to, count)
    local ids, oldest_first = redis.call('LRANGE', from, -count, -1), {}
    for i = #ids, 1, -1 do oldest_first[#oldest_first + 1] = ids[i] end
    push(to, oldest_first)
    if #ids > 0 then redis.call('LTRIM', from, 0, -#ids - 1) end
  end
  if is_paused then move_oldest(KEYS[1], KEYS[18], 1000) else move_oldest(KEYS[19], KEYS[1], 1000) end
end
while not is_paused and tries > 0 and total == 0 and take_next(KEYS[1], free) do tries = tries - 1 end
if has_levels and not is_paused then
  local function wake(waiting, high, low)
    if redis.call('EXISTS', waiting) == 1 then return end
    for _, list in ipairs({ high, low }) do
      local head = redis.call('LRANGE', list, -1, -1)
      if head[1] then
        redis.call('RPUSH', waiting, head[1])
        redis.call('LTRIM', list, 0, -2)
        return
      end
    end
  end
  wake(KEYS[1], KEYS[20], KEYS[21])
end
reply[3] = redis.call('EXISTS', KEYS[1])
if reply[3] == 0 and not nothing_rare then
  if not is_paused then reply[3] = redis.call('EXISTS', KEYS[19]) end
  if redis.call('EXISTS', KEYS[14], KEYS[18], KEYS[19], KEYS[20], KEYS[21]) == 0 then redis.call('UNLINK', KEYS[11]) end
end
return reply`,
  'counts': String.raw`local left = tonumber(redis.call('HGET', KEYS[2], '') or 0) or 0
local waiting = redis.call('ZCARD', KEYS[14])
for _, i in ipairs({ 1, 10, 11, 12, 15, 16 }) do waiting = waiting + redis.call('LLEN', KEYS[i]) end
local by_state = {
  math.max(0, waiting - left),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[4]) + redis.call('LLEN', KEYS[5]),
  redis.call('SCARD', KEYS[6]),
  redis.call('SCARD', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9]),
  redis.call('HKEYS', KEYS[13])
}
return by_state`,
  'declare-limit': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', ' (%d+)$') or 0)
if at > tonumber(ARGV[3]) and at <= now then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], '~' .. ARGV[1], ARGV[4])
else
  redis.call('HDEL', KEYS[1], '~' .. ARGV[1])
end
return 1`,
  'end-lease': String.raw`redis.call('ZADD', KEYS[1], -1000000, ARGV[1])
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1] .. ' now', ARGV[1] .. ' wait')`,
  'expire-foreign': String.raw`if redis.call('SCARD', KEYS[1]) <= redis.call('ZCARD', KEYS[2]) then return '0' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = now + ARGV[2]
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for _, id in ipairs(page[2]) do redis.call('ZADD', KEYS[2], 'NX', expiry, id) end
return page[1]`,
  'flow-begin': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = ARGV[1]
if redis.call('HEXISTS', KEYS[1], id) == 1 or redis.call('ZSCORE', KEYS[2], id) then return 0 end
redis.call('HSET', KEYS[1], id, ARGV[2] .. ',"status":"created","progress":null}')
for i = 4, 13 do redis.call('UNLINK', KEYS[i]) end
local start = math.max(now, tonumber(ARGV[10]))
local deadline = string.format('%.0f', start + ARGV[4])
redis.call('HSET', KEYS[4], 'state', 'building', 'record', ARGV[2], 'ttl', ARGV[3], 'life', ARGV[4],
  'deadline', deadline, 'failFast', ARGV[5], 'expires', ARGV[6], 'final', ARGV[7] == '' and '0' or '1',
  'started', string.format('%.0f', start), 'changed', now, 'attempt', 1)
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[5], 'finally', ARGV[7])
  redis.call('HSET', KEYS[6], 'finally', ARGV[8])
end
redis.call('ZADD', KEYS[2], ARGV[9] == '' and deadline or now + ARGV[9], id)
redis.call('ZADD', KEYS[3], now, id)
return 1`,
  'flow-due': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
if ARGV[3] ~= '' then
  local later = string.format('(%.0f', now + ARGV[3])
  local far = redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, ARGV[1] - #ids)
  for _, id in ipairs(far) do ids[#ids + 1] = id end
end
local scored = {}
for i, id in ipairs(ids) do
  scored[2 * i - 1], scored[2 * i] = now + ARGV[2], id
end
if #ids > 0 then redis.call('ZADD', KEYS[1], unpack(scored)) end
return ids`,
  'flow-read': String.raw`local found = redis.call('HMGET', KEYS[1], 'state', 'final', 'started', 'changed', 'deadline', 'cause', 'code',
  'attempt')
if not found[1] then return false end
for i = 2, 8 do found[i] = found[i] or '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
found[9] = now
for i = 2, 4 do found[i + 8] = redis.call(i == 2 and 'HLEN' or 'SCARD', KEYS[i]) end
for _, entry in ipairs(redis.call('SRANDMEMBER', KEYS[5], ARGV[1])) do found[#found + 1] = entry end
return found`,
  'flow-step': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local SLICE = 500
local id = ARGV[1]
local state = redis.call('HGET', KEYS[6], 'state')
if not state then
  redis.call('ZREM', KEYS[3], id)
  return { 'gone', 0, 0, 0, 0 }
end
redis.call('HSET', KEYS[6], 'changed', now)
local more, cancels, ends, done, moved = 0, 0, 0, 0, 0
local entries, skips = {}, {}
local function set_state(name)
  state = name
  redis.call('HSET', KEYS[6], 'state', name)
end
local LOST = '0 0 - '
local function parse_node(entry)
  return string.match(entry or LOST, '^(%d+) ([01]) (%S+) ')
end
local function read_node(node) return parse_node(redis.call('HGET', KEYS[7], node)) end
local function begin_cancel(cause, code, message)
  local is_late = state == 'finally' and tonumber(redis.call('HGET', KEYS[6], 'deadline')) <= now
  if is_late and code == 'FST_TASKS_FLOW_TIMEOUT' then
    set_state('cancelling')
    cancels = 1
  end
  if state ~= 'running' and state ~= 'building' and state ~= 'reopening' then return end
  if code == 'FST_TASKS_FLOW_INCOMPLETE' and state == 'building' then redis.call('HSET', KEYS[6], 'ttl', 0) end
  if not redis.call('HGET', KEYS[6], 'cause') then
    redis.call('HSET', KEYS[6], 'cause', cause, 'code', code, 'message', message)
  end
  set_state('cancelling')
  cancels = 1
end
local blocked = {}
local function skip_joins(joins)
  for join in string.gmatch(joins, '[^,-]+') do
    skips[#skips + 1] = join
    if not blocked[join] then redis.call('HSET', KEYS[11], '!' .. join, 1) end
    blocked[join] = true
  end
end
local function fail(outcome, message, joins)
  local expires = tonumber(redis.call('HGET', KEYS[6], 'expires') or '')
  local cause = outcome == 'expired' and expires and expires <= now and 'expired' or 'failed'
  local code = cause == 'failed' and 'FST_TASKS_FLOW_FAILED' or ''
  if redis.call('HGET', KEYS[6], 'failFast') == '1' then return begin_cancel(cause, code, message) end
  if not redis.call('HGET', KEYS[6], 'cause') then
    redis.call('HSET', KEYS[6], 'cause', cause, 'code', code, 'message', message)
  end
  skip_joins(joins)
end
local function found_in(key, names)
  local found, seen = {}, {}
  for i, is in ipairs(redis.call('SMISMEMBER', key, unpack(names))) do
    if is == 1 and not seen[names[i]] then
      seen[names[i]] = true
      found[#found + 1] = names[i]
    end
  end
  return found
end
local function start_join(join)
  local targets = {}
  for node in string.gmatch(string.match(redis.call('HGET', KEYS[8], join) or '', '^(%S+)') or '', '[^,]+') do
    targets[#targets + 1] = node
  end
  local started = #targets > 0 and found_in(KEYS[10], targets) or targets
  if #started == 0 then return end
  redis.call('SREM', KEYS[10], unpack(started))
  redis.call('SADD', KEYS[9], unpack(started))
  local entry = (state == 'building' and 'W' or 'J') .. join
  redis.call('SADD', KEYS[12], entry)
  if state == 'building' then redis.call('SADD', KEYS[15], join) else entries[#entries + 1] = entry end
end
local function on_written(join)
  if redis.call('SREM', KEYS[12], 'W' .. join) == 0 then return end
  redis.call('SREM', KEYS[15], join)
  redis.call('SADD', KEYS[12], 'J' .. join)
  entries[#entries + 1] = 'J' .. join
end
local function start_written(join)
  if state ~= 'running' and state ~= 'building' then return end
  start_join(join)
  on_written(join)
end
local function start_node(node)
  if state ~= 'running' or redis.call('SREM', KEYS[10], node) == 0 then return end
  redis.call('SADD', KEYS[9], node)
  redis.call('SADD', KEYS[12], 'N' .. node)
  entries[#entries + 1] = 'N' .. node
end
local has_ended, places = {}, {}
local function find_outstanding(list, at)
  local size = 1
  while at <= #list do
    local names, starts, place = {}, {}, at
    while place <= #list and #names < size do
      local blank = string.find(list, ' ', place, true)
      local name = string.sub(list, place, blank - 1)
      if not has_ended[name] then names[#names + 1], starts[#starts + 1] = name, place end
      place = blank + 1
    end
    local open = #names > 0 and redis.call('SMISMEMBER', KEYS[9], unpack(names))
    local pending = #names > 0 and redis.call('SMISMEMBER', KEYS[10], unpack(names))
    for i, name in ipairs(names) do
      if open[i] == 1 or pending[i] == 1 then return starts[i] end
      has_ended[name] = true
    end
    at, size = place, 50
  end
  return at
end
local function is_ready(join)
  local found = redis.call('HMGET', KEYS[11], '!' .. join, join, '@' .. join)
  if found[1] then return false end
  local list, first = found[2] or '', tonumber(found[3] or 1)
  places[list] = places[list] or find_outstanding(list, first)
  if places[list] ~= first then redis.call('HSET', KEYS[11], '@' .. join, places[list]) end
  return places[list] > #list
end
local is_waiting, waiting = {}, {}
local function pass(joins)
  for join in string.gmatch(joins, '[^,-]+') do
    if not is_waiting[join] then
      is_waiting[join] = true
      waiting[#waiting + 1] = join
    end
  end
end
local function end_node(node, generation, outcome, message)
  local current, may_fail, joins = read_node(node)
  if current ~= generation or redis.call('SREM', KEYS[9], node) == 0 then return end
  moved = 1
  redis.call('HSET', KEYS[13], node, outcome)
  if may_fail == '0' then return fail(outcome, message, joins) end
  pass(joins)
end
local function end_succeeded(generation, first, last)
  local current, joins, count, known = {}, {}, 0, {}
  for i, entry in ipairs(redis.call('HMGET', KEYS[7], unpack(ARGV, first, last))) do
    local head = string.match(entry or LOST, '^%d+ [01] %S+ ')
    if known[head] == nil then
      local own, _, behind = parse_node(head)
      known[head] = own == generation and behind
    end
    if known[head] then
      count = count + 1
      current[count], joins[count] = ARGV[first + i - 1], known[head]
    end
  end
  local ended = count > 0 and redis.call('SREM', KEYS[9], unpack(current)) or 0
  if ended == 0 then return end
  moved = 1
  local pending = ended < count and redis.call('SMISMEMBER', KEYS[10], unpack(current)) or {}
  local passed
  for i = 1, count do
    if pending[i] ~= 1 and joins[i] ~= passed then
      passed = joins[i]
      pass(passed)
    end
  end
end
local function end_together()
  places = {}
  for _, join in ipairs(waiting) do
    if (state == 'running' or state == 'building') and is_ready(join) then start_join(join) end
  end
  is_waiting, waiting = {}, {}
end
local function with_expiry(record)
  local expires = redis.call('HGET', KEYS[6], 'expires') or ''
  if expires == '' then return record end
  return (string.gsub(record, '^(%[[^,]*,[^,]*),null,null%]', '%1,null,' .. expires .. ']'))
end
local function add_node(node, entry, record, parent, generation, most)
  local current, _, joins = read_node(parent)
  if redis.call('HEXISTS', KEYS[7], node) == 1 then return 0 end
  local is_open = current == generation and redis.call('SISMEMBER', KEYS[9], parent) == 1
  if not is_open or (state ~= 'running' and state ~= 'building') then return -1 end
  local others = redis.call('HEXISTS', KEYS[7], 'finally')
  if redis.call('HLEN', KEYS[7]) - others >= most then return 3 end
  redis.call('HSET', KEYS[7], node, (string.gsub(entry, '^(%d+ [01]) %S+', '%1 ' .. joins)))
  redis.call('HSET', KEYS[14], node, with_expiry(record))
  redis.call('SADD', KEYS[9], node)
  redis.call('SADD', KEYS[12], 'N' .. node)
  for join in string.gmatch(joins, '[^,-]+') do
    local before = redis.call('HGET', KEYS[11], join) or parent .. ' '
    redis.call('HSET', KEYS[11], join, before .. node .. ' ')
    local added = redis.call('HGET', KEYS[8], '+' .. join)
    redis.call('HSET', KEYS[8], '+' .. join, (added and added .. ',' or '') .. node)
  end
  entries[#entries + 1] = 'N' .. node
  moved = 1
  return 1
end
local OURS = { 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }
local function reopen(record)
  if state == 'reopening' then return 1 end
  if state ~= 'ended' or redis.call('HGET', KEYS[6], 'cause') ~= 'failed' then return -1 end
  redis.call('HSET', KEYS[1], id, record .. ',"status":"created","progress":null}')
  set_state('reopening')
  redis.call('HDEL', KEYS[6], 'cause', 'code', 'message', 'finished', 'skips', 'released', 'expires')
  redis.call('HINCRBY', KEYS[6], 'attempt', 1)
  redis.call('HSET', KEYS[6], 'deadline', string.format('%.0f', now + redis.call('HGET', KEYS[6], 'life')))
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], 'NX', now, id)
  for _, i in ipairs(OURS) do redis.call('PERSIST', KEYS[i]) end
  redis.call('ZADD', KEYS[3], now, id)
  moved = 1
  return 1
end
local function forget()
  if state ~= 'ended' then return end
  local ttl = tonumber(redis.call('HGET', KEYS[6], 'ttl'))
  local succeeded = not redis.call('HGET', KEYS[6], 'cause')
  redis.call('HSET', KEYS[6], 'released', 1)
  for _, i in ipairs(OURS) do
    if ttl <= 0 or (succeeded and i > 9 and i < 13) then
      redis.call('UNLINK', KEYS[i])
    else
      redis.call('PEXPIRE', KEYS[i], ttl)
    end
  end
  if ttl <= 0 then redis.call('ZREM', KEYS[5], id) end
  redis.call('ZREM', KEYS[3], id)
end
local function remove()
  if state ~= 'ended' then return -1 end
  if redis.call('HEXISTS', KEYS[6], 'released') == 0 then return 2 end
  redis.call('HDEL', KEYS[1], id)
  for i = 3, 5 do redis.call('ZREM', KEYS[i], id) end
  for _, i in ipairs(OURS) do redis.call('UNLINK', KEYS[i]) end
  return 1
end
local function seal()
  if redis.call('HGET', KEYS[6], 'code') == 'FST_TASKS_FLOW_INCOMPLETE' then return -1 end
  if state ~= 'building' and state ~= 'reopening' then return 0 end
  set_state('running')
  return 1
end
local at, last = 4, nil
while at <= #ARGV do
  local name, a, b, c, d, e = ARGV[at], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local from = at + 2
  at = from + tonumber(ARGV[at + 1])
  last = name
  if name ~= 'end' and name ~= 'succeeded' then end_together() end
  if name == 'end' then end_node(a, b, c, d)
  elseif name == 'succeeded' then end_succeeded(a, from + 1, at - 1)
  elseif name == 'ready' then start_written(a)
  elseif name == 'start' then start_node(a)
  elseif name == 'done' then redis.call('SREM', KEYS[12], a)
  elseif name == 'seal' then done = seal()
  elseif name == 'cancel' then begin_cancel(a, b, c)
  elseif name == 'add' then done = add_node(a, b, c, d, e, tonumber(ARGV[from + 5]))
  elseif name == 'reopen' then done = reopen(a)
  elseif name == 'forget' then forget()
  elseif name == 'remove' then done = remove()
  end
end
end_together()
if last == 'forget' or last == 'remove' then return { state, more, cancels, ends, done } end
local function start_sealed()
  local ready = redis.call('SRANDMEMBER', KEYS[15], SLICE)
  for _, join in ipairs(ready) do on_written(join) end
  if #ready == SLICE then more = 1 end
end
local function skip_all()
  local left = SLICE
  local before = redis.call('HGET', KEYS[6], 'skips')
  for join in string.gmatch(before or '', '[^,]+') do skips[#skips + 1] = join end
  local n = 1
  while n <= #skips and left > 0 do
    local targets = string.match(redis.call('HGET', KEYS[8], skips[n]) or '', '^(%S+)') or ''
    n = n + 1
    for node in string.gmatch(targets, '[^,]+') do
      if redis.call('SREM', KEYS[10], node) == 1 then
        left, moved = left - 1, 1
        redis.call('HSET', KEYS[13], node, 'skipped')
        local _, _, joins = read_node(node)
        skip_joins(joins or '')
      end
    end
  end
  if n <= #skips then
    more = 1
    redis.call('HSET', KEYS[6], 'skips', table.concat(skips, ',', n))
  elseif before then
    redis.call('HDEL', KEYS[6], 'skips')
  end
end
local function drop_pending()
  local dropped, names = {}, redis.call('SRANDMEMBER', KEYS[10], SLICE)
  for i, node in ipairs(names) do dropped[2 * i - 1], dropped[2 * i] = node, 'cancelled' end
  if #names == 0 then return end
  moved = 1
  redis.call('HSET', KEYS[13], unpack(dropped))
  redis.call('SREM', KEYS[10], unpack(names))
  more = redis.call('EXISTS', KEYS[10])
end
local function end_flow()
  local found = redis.call('HMGET', KEYS[6], 'record', 'cause', 'code', 'message', 'attempt', 'started', 'ttl', 'final')
  local record, ttl, outcome = found[1], tonumber(found[7]), found[2] or 'succeeded'
  local total = redis.call('HLEN', KEYS[7])
  local progress = string.format('{"done":%d,"total":%d}', total, total)
  local failed = found[3] and found[3] ~= '' and ',"error":' .. cjson.encode({
    name = 'FastifyError', code = found[3], message = found[4]
  }) or ''
  local started = tonumber(found[6]) <= now and ',"startedAt":' .. found[6] or ''
  set_state('ended')
  redis.call('HSET', KEYS[6], 'finished', now)
  if ttl > 0 then
    redis.call('HSET', KEYS[1], id, string.format(
      '%s,"progress":%s,"stage":null,"attempt":%s%s%s,"finishedAt":%.0f,"status":"%s"}',
      record, progress, found[5], failed, started, now, outcome))
    redis.call('ZADD', KEYS[4], string.format('%.0f', now + ttl), id)
  else
    redis.call('HDEL', KEYS[1], id)
  end
  redis.call('UNLINK', KEYS[12])
  ends = 1
  publish_if_watched(KEYS[2], ARGV[2], id, outcome)
end
local function start_finally()
  set_state('finally')
  local deadline = string.format('%.0f', now + redis.call('HGET', KEYS[6], 'life'))
  redis.call('HSET', KEYS[6], 'final', 2, 'deadline', deadline)
  redis.call('SADD', KEYS[9], 'finally')
  redis.call('SADD', KEYS[12], 'Nfinally')
  entries[#entries + 1] = 'Nfinally'
end
if state == 'running' then start_sealed() end
if #skips > 0 or state == 'running' or state == 'building' then skip_all() end
if state == 'cancelling' then drop_pending() end
local can_end = state == 'running' or state == 'cancelling' or state == 'finally'
if can_end and more == 0 and redis.call('EXISTS', KEYS[9], KEYS[10]) == 0 then
  if redis.call('HGET', KEYS[6], 'final') == '1' then start_finally() else end_flow() end
end
local deadline = tonumber(redis.call('HGET', KEYS[6], 'deadline'))
local look = ARGV[3] == '' and deadline or math.min(deadline, now + ARGV[3])
if deadline <= now then look = now + (tonumber(ARGV[3]) or 0) end
local is_change = moved + cancels + ends > 0 or done == 1 or #entries > 0
redis.call('ZADD', KEYS[3], is_change and 'CH' or 'LT', string.format('%.0f', look), id)
if moved == 1 and ends == 0 then publish_if_watched(KEYS[2], ARGV[2], id, 'progress') end
return { state, more, cancels, ends, done, unpack(entries) }`,
  'flow-write': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HGET', KEYS[1], 'state')
local is_given_up = redis.call('HGET', KEYS[1], 'code') == 'FST_TASKS_FLOW_INCOMPLETE'
local is_built = state == 'building' or state == 'reopening'
if not is_built and (not state or is_given_up) then return 'gone' end
if is_built then redis.call('HSET', KEYS[1], 'changed', now) end
local at = 5
local function take(count, step)
  local first = at
  at = at + count * step
  return first, at - 1
end
local function write(key, first, last)
  if last >= first then redis.call('HSET', key, unpack(ARGV, first, last)) end
end
local first, last = take(tonumber(ARGV[1]), 2)
if not is_built then
  write(KEYS[3], take(tonumber(ARGV[2]), 2))
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then redis.call('PEXPIRE', KEYS[3], left) end
  return state
end
write(KEYS[2], first, last)
local names = {}
for i = first, last, 2 do names[#names + 1] = ARGV[i] end
if #names > 0 then redis.call('SADD', KEYS[5], unpack(names)) end
if #names > 0 and redis.call('EXISTS', KEYS[6]) == 1 then redis.call('HDEL', KEYS[6], unpack(names)) end
write(KEYS[3], take(tonumber(ARGV[2]), 2))
write(KEYS[4], take(tonumber(ARGV[3]), 2))
first, last = take(tonumber(ARGV[4]), 2)
for i = first, last, 2 do
  local join, before = ARGV[i], ARGV[i + 1]
  if before ~= '' then redis.call('HSET', KEYS[7], join, before) end
  redis.call('HDEL', KEYS[7], '@' .. join, '!' .. join)
end
return state`,
  'heartbeat': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
local later = string.format('(%.0f', now + 10 * ARGV[3])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, 1000)) do gone[#gone + 1] = id end
if ARGV[2] == '' then gone[#gone + 1] = ARGV[1] end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return #gone`,
  'is-unfinished': String.raw`local function is_unfinished(task, jobs, first)
  if redis.call('HEXISTS', jobs, task) == 0 then return false end
  for i = first, first + 1 do
    if redis.call('SISMEMBER', KEYS[i], task) == 1 then return false end
  end
  for i = first + 2, first + 5 do
    if redis.call('ZSCORE', KEYS[i], task) then return false end
  end
  return true
end
return is_unfinished(ARGV[1], KEYS[1], 2) and 1 or 0`,
  'keep-members': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end
local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end
local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
local function ended_as(id, succeeded, failed, cancelled, expired)
  if redis.call('SISMEMBER', succeeded, id) == 1 then return 'succeeded' end
  if redis.call('SISMEMBER', failed, id) == 1 then return 'failed' end
  if redis.call('ZSCORE', cancelled, id) then return 'cancelled' end
  return redis.call('ZSCORE', expired, id) and 'expired' or nil
end
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
end`,
  'lanes-due': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lanes = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local later = string.format('(%.0f', now + 5000)
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, ARGV[1] - #lanes)) do
  lanes[#lanes + 1] = lane
end
for _, lane in ipairs(lanes) do redis.call('ZADD', KEYS[1], now + 5000, lane) end
return lanes`,
  'member-states': String.raw`local function ended_as(id, succeeded, failed, cancelled, expired)
  if redis.call('SISMEMBER', succeeded, id) == 1 then return 'succeeded' end
  if redis.call('SISMEMBER', failed, id) == 1 then return 'failed' end
  if redis.call('ZSCORE', cancelled, id) then return 'cancelled' end
  return redis.call('ZSCORE', expired, id) and 'expired' or nil
end
local states = {}
for i, id in ipairs(ARGV) do
  local has_record = redis.call('HEXISTS', KEYS[1], id) == 1
  states[i] = has_record and (ended_as(id, KEYS[2], KEYS[3], KEYS[4], KEYS[5]) or '') or 'removed'
end
return states`,
  'oldest': String.raw`local ids = redis.call('LRANGE', KEYS[1], -10, -1)
for i = #ids, 1, -1 do
  local record = redis.call('HGET', KEYS[2], ids[i])
  local tail = record and string.sub(record, -tonumber(ARGV[1])) or ''
  if string.find(tail, '"status"%s*:%s*"created"') then return tail end
end
return ''`,
  'page': String.raw`local after, limit, kind = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local function find(key, position)
  if redis.call('LINDEX', key, -1 - position) == after then return position end
  local right = math.max(0, position - 1000)
  local near = redis.call('LRANGE', key, -101 - position, -1 - right)
  for i = #near, 1, -1 do
    if near[i] == after then return right + #near - i end
  end
  local at = redis.call('LPOS', key, after, 'RANK', -1)
  return at and redis.call('LLEN', key) - 1 - at
end
local function size_of(n) return redis.call(n == #KEYS and 'ZCARD' or 'LLEN', KEYS[n]) end
local function find_in(n, position)
  if n == #KEYS then return redis.call('ZRANK', KEYS[n], after) end
  return find(KEYS[n], position)
end
local function slice(n, from, count)
  if count <= 0 then return {} end
  if n < #KEYS then return redis.call('LRANGE', KEYS[n], -from - count, -1 - from) end
  local size = redis.call('ZCARD', KEYS[n])
  return redis.call('ZREVRANGE', KEYS[n], math.max(0, size - from - count), size - 1 - from)
end
if kind == 'list' then
  local sizes, before, first = {}, 0, 0
  for n = 1, #KEYS do
    sizes[n] = size_of(n)
    local found = after ~= '' and first == 0 and sizes[n] > 0
      and find_in(n, math.max(0, (tonumber(ARGV[4]) or 0) - before))
    if found then first = before + found + 1 end
    before = before + sizes[n]
  end
  local page, skipped = { first }, first
  for n = 1, #KEYS do
    local ids = skipped < sizes[n] and slice(n, skipped, limit + 1 - #page) or {}
    for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
    skipped = math.max(0, skipped - sizes[n])
  end
  return page
end
local key = KEYS[1]
local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
local page = redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
table.insert(page, 1, first)
return page`,
  'page-active': String.raw`local function held_by_plain_workers()
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
local after, limit, position = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local claims, size = KEYS[1], redis.call('HLEN', KEYS[1])
local function sorted_ids()
  local all, ids = redis.call('HGETALL', claims), {}
  local since = {}
  for i = 1, #all, 2 do
    ids[#ids + 1] = all[i]
    since[all[i]] = tonumber(string.match(all[i + 1], ' (%d+)') or 0)
  end
  table.sort(ids, function(one, other)
    if since[one] ~= since[other] then return since[one] < since[other] end
    return one < other
  end)
  for _, id in ipairs(held_by_plain_workers()) do ids[#ids + 1] = id end
  return ids
end
local page, count = {}, 0
local function add(id, at)
  count = count + 1
  page[2 * count - 1], page[2 * count] = id, at
end
if size <= 1000 then
  local ids = sorted_ids()
  local first = after == '' and 0 or index_of(ids, after)
  local last = math.min(first + limit, #ids)
  for i = first + 1, last do add(ids[i], i - 1) end
  return page
end
local cursor = after == '' and '0' or position
repeat
  local next_cursor, ids = scan_active(cursor)
  local first = index_of(ids, after)
  for i = first + 1, math.min(#ids, first + limit - count) do
    local is_last = i == #ids and next_cursor ~= '0'
    add(ids[i], tonumber(is_last and next_cursor or cursor))
  end
  cursor = next_cursor
until cursor == '0' or count >= limit
return page`,
  'pause': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function move_oldest(from, to, count)
  local ids, oldest_first = redis.call('LRANGE', from, -count, -1), {}
  for i = #ids, 1, -1 do oldest_first[#oldest_first + 1] = ids[i] end
  push(to, oldest_first)
  if #ids > 0 then redis.call('LTRIM', from, 0, -#ids - 1) end
end
local function publish_to_watched(watched, prefix, change)
  local ids = redis.call('ZRANGE', watched, 0, 999)
  table.sort(ids)
  for _, id in ipairs(ids) do
    redis.pcall('PUBLISH', prefix .. 'task:' .. id, change)
  end
end
if redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%.0f', now)) == 0 then return 0 end
if ARGV[1] == '' then
  local ids = redis.call('LRANGE', KEYS[4], 0, -1)
  for _, id in ipairs(ids) do enter_first(KEYS[2], id) end
  if #ids > 0 then redis.call('UNLINK', KEYS[4]) end
  if redis.call('EXISTS', KEYS[3]) == 1 then
    move_oldest(KEYS[2], KEYS[3], 1000)
  elseif redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('RENAME', KEYS[2], KEYS[3])
  end
end
publish_to_watched(KEYS[5], ARGV[2], 'paused')
return 1`,
  'place-schedule': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, action = ARGV[1], ARGV[2]
local entry = redis.call('HGET', KEYS[1], id)
local epoch, queue, rest = string.match(entry or '', '^(%d+) (%S+)(.*)$')
if action == 'forget' then
  if epoch == ARGV[3] then redis.call('HDEL', KEYS[1], id) end
  return entry or ''
elseif action == 'settle' then
  if epoch ~= ARGV[3] then return entry or '' end
  entry = epoch .. ' ' .. queue
elseif queue == ARGV[3] then
  return entry
else
  local leaves = queue and (' ' .. queue) or ''
  for other in string.gmatch(rest or '', '%S+') do
    if other ~= ARGV[3] then leaves = leaves .. ' ' .. other end
  end
  entry = string.format('%.0f %s%s', math.max(now, (tonumber(epoch) or 0) + 1), ARGV[3], leaves)
end
redis.call('HSET', KEYS[1], id, entry)
return entry`,
  'prune': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end
local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end
local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
local function decode(text)
  local is_json, value = pcall(cjson.decode, text)
  if is_json then return value end
  local lenient = cjson.new()
  lenient.decode_max_depth(1100)
  is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  return is_json and value or nil
end
local function status_of(record)
  if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
  local at_end = string.match(string.sub(record, -300), '^.*,"status":"(%a+)"[^{}%[%]]*}$')
  if at_end then return at_end end
  local value = decode(record)
  local status = type(value) == 'table' and value.status
  return type(status) == 'string' and status or ''
end
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
local flows = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', now, 'LIMIT', 0, ARGV[1])
if #flows > 0 then
  redis.call('ZREM', KEYS[8], unpack(flows))
  redis.call('ZREM', KEYS[9], unpack(flows))
  redis.call('HDEL', KEYS[1], unpack(flows))
end
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
return { removed + #flows, cursors }`,
  'purge': String.raw`local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local function decode(text)
  local is_json, value = pcall(cjson.decode, text)
  if is_json then return value end
  local lenient = cjson.new()
  lenient.decode_max_depth(1100)
  is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  return is_json and value or nil
end
local function status_of(record)
  if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
  local at_end = string.match(string.sub(record, -300), '^.*,"status":"(%a+)"[^{}%[%]]*}$')
  if at_end then return at_end end
  local value = decode(record)
  local status = type(value) == 'table' and value.status
  return type(status) == 'string' and status or ''
end
local function member_in(id, record)
  local start = string.match(id, '^([^.]*)%.')
  if not start or not record then return nil end
  local begins, member, flow, at = 'flow":{"id":"' .. start, nil, nil, 1
  repeat
    at = string.find(record, begins, at + 1, true)
    local found, name = string.match(record, '^"flow":({"id":"([^"]*)","home":[^{}]*,"node":[^{}]*})', (at or 1) - 1)
    member, flow = found or member, name or flow
  until not at
  return member and string.sub(id, 1, #flow + 1) == flow .. '.' and member or nil
end
local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end
local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end
local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
local function publish_removed(watched, prefix, ids)
  if #ids == 0 or redis.call('EXISTS', watched) == 0 then return end
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for i = 1, #ids do changes[i] = 'removed' end
  publish_watched(watched, prefix, ids, changes)
end
local limit, retrying_too = tonumber(ARGV[1]), ARGV[2] == '1'
local gone, bytes, members = {}, 0, {}
local function remove(id, record)
  gone[#gone + 1] = id
  members[#members + 1] = member_in(id, record)
end
local function may_read(id)
  if bytes > 524288 then return false end
  bytes = bytes + redis.call('HSTRLEN', KEYS[1], id)
  return true
end
local function look_at(list, size)
  local waiting, kept = redis.call('LRANGE', list, -size, -1), {}
  local looked = 0
  for i = #waiting, 1, -1 do
    local id = waiting[i]
    if not may_read(id) then break end
    looked = looked + 1
    local record = redis.call('HGET', KEYS[1], id)
    local status = record and status_of(record)
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
if more == 0 and redis.call('HEXISTS', KEYS[26], '') == 0 then wake(KEYS[2], KEYS[23], KEYS[24]) end
return { removed, left, before, more, unpack(members) }`,
  'purge-gated': String.raw`local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function decode(text)
  local is_json, value = pcall(cjson.decode, text)
  if is_json then return value end
  local lenient = cjson.new()
  lenient.decode_max_depth(1100)
  is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  return is_json and value or nil
end
local function status_of(record)
  if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
  local at_end = string.match(string.sub(record, -300), '^.*,"status":"(%a+)"[^{}%[%]]*}$')
  if at_end then return at_end end
  local value = decode(record)
  local status = type(value) == 'table' and value.status
  return type(status) == 'string' and status or ''
end
local function member_in(id, record)
  local start = string.match(id, '^([^.]*)%.')
  if not start or not record then return nil end
  local begins, member, flow, at = 'flow":{"id":"' .. start, nil, nil, 1
  repeat
    at = string.find(record, begins, at + 1, true)
    local found, name = string.match(record, '^"flow":({"id":"([^"]*)","home":[^{}]*,"node":[^{}]*})', (at or 1) - 1)
    member, flow = found or member, name or flow
  until not at
  return member and string.sub(id, 1, #flow + 1) == flow .. '.' and member or nil
end
local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end
local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end
local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
local function publish_removed(watched, prefix, ids)
  if #ids == 0 or redis.call('EXISTS', watched) == 0 then return end
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for i = 1, #ids do changes[i] = 'removed' end
  publish_watched(watched, prefix, ids, changes)
end
local limit, kept, gone, members, bytes = tonumber(ARGV[1]), tonumber(ARGV[3]), {}, {}, 0
local ids = limit > 0 and redis.call('ZRANGE', KEYS[2], kept, kept + limit - 1) or {}
local looked_at = 0
for _, id in ipairs(ids) do
  if bytes > 524288 then break end
  looked_at = looked_at + 1
  local record = redis.call('HGET', KEYS[1], id)
  bytes = bytes + #(record or '')
  if record and status_of(record) == 'retrying' and ARGV[2] ~= '1' then
    kept = kept + 1
  else
    gone[#gone + 1] = id
    members[#members + 1] = member_in(id, record)
  end
end
local removed = 0
if #gone > 0 then
  removed = redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end
leave(3, gone)
forget(14, gone)
publish_removed(KEYS[19], ARGV[4], gone)
return { removed, kept, (#ids == limit and limit > 0 or looked_at < #ids) and 1 or 0, unpack(members) }`,
  'queue-due': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
use_levels(KEYS[3], KEYS[7], KEYS[11], KEYS[12], KEYS[13])
local SEATS, LIFE = 3, 15000
local worker = ARGV[1]
local function take_seat()
  local free = redis.call('ZCOUNT', KEYS[1], now, now + LIFE) < SEATS
  if not free and not redis.call('ZSCORE', KEYS[1], worker) then return 0 end
  redis.call('ZADD', KEYS[1], now + LIFE, worker)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 1)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + LIFE), '+inf')
  redis.call('PEXPIRE', KEYS[1], LIFE)
  return 1
end
local seat = take_seat()
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)
local gated = {}
if #due > 0 and redis.call('EXISTS', KEYS[9]) == 1 then
  local lanes, free = redis.call('HMGET', KEYS[9], unpack(due)), {}
  for i, id in ipairs(due) do
    if lanes[i] then
      gated[#gated + 1], gated[#gated + 2] = id, lanes[i]
    else
      free[#free + 1] = id
    end
  end
  due = free
end
if #due > 0 then
  enter(door(KEYS[3], KEYS[7], KEYS[8]), due)
  redis.call('ZREM', KEYS[2], unpack(due))
end
local open = redis.call('ZRANGEBYSCORE', KEYS[10], '-inf', now, 'LIMIT', 0, 100)
for _, lane in ipairs(open) do gated[#gated + 1], gated[#gated + 2] = '', lane end
if #open > 0 then redis.call('ZREM', KEYS[10], unpack(open)) end
local head = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local closed = redis.call('ZRANGE', KEYS[10], 0, 0, 'WITHSCORES')
if closed[2] and (not head[2] or tonumber(closed[2]) < tonumber(head[2])) then head = closed end
local tick = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local flow = redis.call('ZRANGE', KEYS[6], 0, 0, 'WITHSCORES')
return {
  seat, now, tonumber(head[2] or -1), tonumber(tick[2] or -1), redis.call('SCARD', KEYS[5]), tonumber(flow[2] or -1),
  gated
}`,
  'read-history': String.raw`local function kept_in(key)
  local packed = redis.pcall('GET', key)
  local is_packed, kept = pcall(cmsgpack.unpack, type(packed) == 'string' and packed or '')
  return is_packed and type(kept) == 'table' and kept or {}
end
local replies = {}
for i = 1, tonumber(ARGV[1]) do
  local kept = kept_in(KEYS[i])
  replies[i] = next(kept) and cjson.encode(kept) or ''
end
return replies`,
  'read-lane': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
local slots, list = unpack(KEYS, 3)
local name = string.sub(slots, #ARGV[1] + 7)
local max, rates, common_rules = rules_of(KEYS[1], name)
local common = common_at(ARGV[1], name, common_rules)
local function opens_at(lane)
  local opens = tonumber(redis.call('ZSCORE', KEYS[2], lane) or 0)
  return opens > now and opens or 0
end
local function flat(reply, rates)
  for _, rate in ipairs(rates) do reply[#reply + 1], reply[#reply + 2] = rate[1], rate[2] end
  return reply
end
local holder = max == 1 and redis.call('SRANDMEMBER', slots) or ''
local of_task = {}
if common then
  of_task = { redis.call('SCARD', common.slots), common_rules.max, opens_at(string.match(name, '^%S+')) }
  flat(of_task, common.rates)
end
return { redis.call('SCARD', slots), redis.call('LLEN', list), max, opens_at(name), holder, flat({}, rates), of_task }`,
  'read-schedules': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function load_state(states, id)
  local text = redis.call('HGET', states, id)
  local is_json, state = pcall(cjson.decode, text or '')
  return is_json and type(state) == 'table' and state or nil
end
local function save_state(states, id, state)
  redis.call('HSET', states, id, cjson.encode(state))
end
local function is_whole(schedules, ticks, id, state)
  return redis.call('HEXISTS', schedules, id) == 1 and (not state.next or redis.call('ZSCORE', ticks, id))
end
local function miss(state, count, last)
  if tonumber(count) == 0 then return end
  state.missed, state.mark = (state.missed or 0) + tonumber(count), tonumber(last)
end
local function next_of(state) return state.next and string.format('%.0f', state.next) or '' end
local function generation_of(state) return string.format('%.0f', tonumber(state.generation) or 0) end
local function miss_left(state, expected, generation, count, last, every)
  local next = next_of(state)
  if next ~= expected then
    if generation_of(state) ~= generation then return false end
    if tonumber(count) == 0 or next == '' or state.next > tonumber(last) then return true end
    if every == '' then return false end
    count = math.floor((tonumber(last) - state.next) / tonumber(every)) + 1
  end
  miss(state, count, last)
  return true
end
local function plan(states, ticks, id, state, next, due)
  local done = state.max and (state.fired or 0) >= state.max
  state.next = nil
  if next ~= '' and not (done or state.paused or state.orphan) then state.next = tonumber(next) end
  save_state(states, id, state)
  if state.next then
    redis.call('ZADD', ticks, due, id)
  else
    redis.call('ZREM', ticks, id)
  end
end
local ids, cursor = {}, '0'
if ARGV[1] == 'all' then
  local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end
elseif ARGV[1] == 'due' then
  ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)
  local seen = {}
  for _, id in ipairs(ids) do seen[id] = true end
  for _, id in ipairs(redis.call('SRANDMEMBER', KEYS[4], 100)) do
    if not seen[id] then ids[#ids + 1] = id end
  end
else
  for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
end
local rest, bytes = {}, 0
local reply = { now, cursor, rest }
for _, id in ipairs(ids) do
  local size = redis.call('HSTRLEN', KEYS[1], id)
  if #rest > 0 or (bytes > 0 and bytes + size > 1000000) then
    rest[#rest + 1] = id
  else
    bytes = bytes + size
    local spec, state = redis.call('HGET', KEYS[1], id), redis.call('HGET', KEYS[2], id)
    local is_whole = spec and load_state(KEYS[2], id)
    if ARGV[1] == 'due' and not is_whole then spec, state = '', '' end
    if spec and state then
      reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, spec, state
    end
  end
end
return reply`,
  'read-tasks': String.raw`local MAX_BYTES, MAX_STEPS = 1048576, 100000
local ids, records, bytes = {}, {}, 0
local held = redis.call('LLEN', KEYS[5])
local most = held == 0 and #ARGV or math.min(#ARGV, math.max(1, math.floor(MAX_STEPS / held)))
for i = 1, most do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  ids[i], records[i] = ARGV[i], record
  if record then bytes = bytes + #record end
  if bytes > MAX_BYTES then break end
end
local claims = redis.call('HMGET', KEYS[2], unpack(ids))
local delayed = redis.call('ZMSCORE', KEYS[3], unpack(ids))
local progress = redis.call('HMGET', KEYS[4], unpack(ids))
local places = {}
if held == 0 and redis.call('EXISTS', KEYS[6], KEYS[7]) == 0 then
  return { records, claims, delayed, progress, places, {} }
end
for i, id in ipairs(ids) do
  places[i] = 0
  if records[i] and not claims[i] and not delayed[i] then
    if held > 0 and redis.call('LPOS', KEYS[5], id) then places[i] = 1 end
    if redis.call('ZSCORE', KEYS[7], id) then places[i] = places[i] + 2 end
  end
end
return { records, claims, delayed, progress, places, redis.call('HKEYS', KEYS[6]) }`,
  'release': String.raw`local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
use_levels(KEYS[1], KEYS[6], KEYS[14], KEYS[15], KEYS[16])
local replies, list, changes = {}, door(KEYS[1], KEYS[6], KEYS[7]), {}
local change_of, move_all
if #KEYS > 16 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local TIMES, NO_LIMIT = 256, 1000000000
  local known_rules = {}
  local function read_rules(limits, name)
    local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
    local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
    local of_key = { max = tonumber(digits or 1), rates = {} }
    local of_task = { max = NO_LIMIT, rates = {} }
    if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
    for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
      local rates = kind == 't' and of_task.rates or of_key.rates
      rates[#rates + 1] = { tonumber(max), tonumber(window) }
    end
    local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
    return { of_key.max, of_key.rates, has_common and of_task or nil }
  end
  local function rules_of(limits, lane)
    local name = string.match(lane, '^%S+')
    known_rules[name] = known_rules[name] or read_rules(limits, name)
    return unpack(known_rules[name], 1, 3)
  end
  local function is_rated(rates, common)
    return #rates > 0 or common ~= nil and #common.rates > 0
  end
  local function call_many(command, key, ids)
    local sum = 0
    for from = 1, #ids, 1000 do
      sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
    end
    return sum
  end
  local function keep_starts(lane, ms)
    if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
  end
  local function plan_look(closed, prefix, name, time)
    redis.call('ZADD', closed, time, name)
    redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
  end
  local function held_until(lane)
    local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
    return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
  end
  local function hold_lane(closed, prefix, name, lane, ms)
    local till = math.max(now + ms, held_until(lane))
    redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
    keep_starts(lane, till - now + 1000)
    plan_look(closed, prefix, name, till)
  end
  local function is_held_lane(closed, lane, name)
    return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
  end
  local function starts_in(lane, window)
    local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
    local starts, sum, is_set_back = {}, 0, false
    for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
      local time = math.min(all[i], now)
      if all[i] > now then is_set_back = true end
      if time + window >= now then
        starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
        sum = sum + all[i + 1]
      end
    end
    if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
    return starts, sum
  end
  local function rate_left(lane, rates)
    local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
    for _, rate in ipairs(rates) do
      local starts, sum = starts_in(lane, rate[2])
      left = math.min(left, rate[1] - tokens - sum)
      if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
    end
    return left, opens
  end
  local function add_starts(starts, most, count)
    while count > 0 do
      local at = #starts
      local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
      local added = is_full and math.min(count, most) or count
      if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
      if is_full then
        starts[at + 1], starts[at + 2] = now, added
      else
        starts[at - 1], starts[at] = now, starts[at] + added
      end
      count = count - added
    end
  end
  local function spend(lane, rates, ids)
    local count, life, seen = 0, 0, {}
    for from = 1, #ids, 1000 do
      local page = { unpack(ids, from, math.min(from + 999, #ids)) }
      for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
        if not seen[page[i]] then count = count + has_token end
        seen[page[i]] = true
      end
    end
    if count == 0 then return 0 end
    for _, rate in ipairs(rates) do
      local starts = starts_in(lane, rate[2])
      add_starts(starts, math.ceil(rate[1] / TIMES), count)
      redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
      life = math.max(life, rate[2])
    end
    keep_starts(lane, life + 1000)
    call_many('SREM', lane.tokens, ids)
    return count
  end
  local function look_again(closed, prefix, name, lane, rates)
    local left, opens = rate_left(lane, rates)
    if left > 0 or not opens then return end
    if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
  end
  local known_commons = {}
  local function make_common(prefix, task, rules)
    local common = { rates = rules.rates }
    local has_rates = #rules.rates > 0
    for first = #KEYS - 3, 1, -4 do
      if KEYS[first] == prefix .. 'slots:' .. task then
        common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
        break
      end
    end
    local free_slots, left, opens
    function common.room()
      if not free_slots then
        free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
        if has_rates then left, opens = rate_left(common, common.rates) end
      end
      return math.min(free_slots, left), free_slots > 0 and opens or nil
    end
    local function count(slots, tokens)
      if not free_slots then return end
      free_slots, left = free_slots + slots, left + tokens
      if left <= 0 and not opens then free_slots = nil end
    end
    function common.free(name, quota)
      local others = redis.call('ZCARD', common.turns)
      if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
      return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
    end
    function common.take(ids)
      local slots = call_many('SADD', common.slots, ids)
      count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
    end
    function common.leave(ids)
      local slots = call_many('SREM', common.slots, ids)
      count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
    end
    function common.spend(ids)
      local started = has_rates and spend(common, common.rates, ids) or 0
      if started > 0 then free_slots = nil end
      return started
    end
    function common.plan(closed)
      if redis.call('ZCARD', common.turns) == 0 then return end
      local room, opens_at = common.room()
      local time = room > 0 and now or opens_at
      local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
      if time and planned ~= time and (planned == 0 or planned > now or time > now) then
        plan_look(closed, prefix, task, time)
      end
    end
    local function stand(name, is_again)
      if not is_again and redis.call('ZSCORE', common.turns, name) then return end
      local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
      redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
    end
    function common.wait(gate, name, waits, had_turn)
      if waits then
        stand(name, had_turn)
      else
        redis.call('ZREM', common.turns, name)
      end
      if redis.call('EXISTS', common.slots, common.turns) > 0 then
        redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
      end
      common.plan(gate.closed)
    end
    return common
  end
  local function common_at(prefix, lane, rules)
    if not rules then return nil end
    local task = string.match(lane, '^%S+')
    known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
    return known_commons[task]
  end
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
  local function put_first(gate, list, ids)
    for i = #ids, 1, -1 do
      enter_first(list, ids[i])
      redis.call('ZADD', gate.gated, now, ids[i])
    end
  end
  local function free_slots(gate, lane, rates, common, ids)
    if #ids == 0 then return 0 end
    if common then common.leave(ids) end
    if #rates > 0 then call_many('SREM', lane.tokens, ids) end
    call_many('HDEL', gate.laned, ids)
    return call_many('SREM', lane.slots, ids)
  end
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
  local function next_of(gated, list, free)
    if free <= 0 then return {}, 0 end
    local count = math.min(free, 1000)
    local found, looked_at = look_at(gated, list, free, count)
    if #found == free or looked_at < count or count == 1000 then return found, looked_at end
    return look_at(gated, list, free, math.min(free + 100, 1000))
  end
  local function take_slots(gate, lane, name, rates, common, ids)
    if #ids == 0 then return end
    redis.call('SADD', lane.slots, unpack(ids))
    if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
    if common then common.take(ids) end
    if not is_rated(rates, common) then return end
    for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
  end
  local function read_shares(door, gate)
    local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
    return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
  end
  local function fair_share(shares, used, is_new)
    local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
    local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
    if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
    return math.max(free, math.ceil(capacity / 2) - queued)
  end
  local function is_shared_lane(name, max)
    return max > FEW and string.find(name, ' ', 1, true) < #name
  end
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
      if not is_shared then mark_crowded(gate, name, 0) end
      if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
    elseif #admitted + #parked + #heads > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
    end
    return is_empty
  end
  local gate = gate_at(8)
  function change_of(number)
    local lane = lane_at(13 + 4 * number)
    local _, rates, common = rules_of(gate.limits, string.sub(lane.slots, #ARGV[1] + 7))
    if not is_rated(rates, common) then return nil end
    changes[number] = changes[number] or { lane = lane, heads = {} }
    return changes[number]
  end
  function move_all()
    for number = 1, (#KEYS - 16) / 4 do
      local change = changes[number]
      if change then
        change.ran = change.heads
        move_lane(list, gate, ARGV[1], change.lane, change)
      end
    end
  end
end
for i = #ARGV - 2, 2, -3 do
  local id, token, number = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local code, claim = 1, redis.call('HGET', KEYS[2], id)
  if not is_owner(token, claim) then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[4], id) == 1 then
    code = 2
  else
    local change = number > 0 and change_of(number)
    if change then
      redis.call('HSET', KEYS[2], id, claim)
      table.insert(change.heads, 1, id)
    else
      enter_first(list, id)
    end
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    publish_if_watched(KEYS[5], ARGV[1], id, 'waiting')
  end
  replies[(i + 1) / 3] = code
end
if move_all then move_all() end
return replies`,
  'remove': String.raw`local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if ARGV[2] ~= '' and record ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[6], id) == 1 then return 'active' end
local elsewhere = redis.call('ZSCORE', KEYS[5], id)
for i = 10, 11 do elsewhere = elsewhere or redis.call('SISMEMBER', KEYS[i], id) == 1 end
for i = 12, 15 do elsewhere = elsewhere or redis.call('ZSCORE', KEYS[i], id) end
redis.call('HDEL', KEYS[1], id)
leave(5, { id })
redis.call('HDEL', KEYS[27], id)
if #KEYS > 27 then
  local TIMES, NO_LIMIT = 256, 1000000000
  local known_rules = {}
  local function read_rules(limits, name)
    local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
    local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
    local of_key = { max = tonumber(digits or 1), rates = {} }
    local of_task = { max = NO_LIMIT, rates = {} }
    if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
    for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
      local rates = kind == 't' and of_task.rates or of_key.rates
      rates[#rates + 1] = { tonumber(max), tonumber(window) }
    end
    local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
    return { of_key.max, of_key.rates, has_common and of_task or nil }
  end
  local function rules_of(limits, lane)
    local name = string.match(lane, '^%S+')
    known_rules[name] = known_rules[name] or read_rules(limits, name)
    return unpack(known_rules[name], 1, 3)
  end
  local function is_rated(rates, common)
    return #rates > 0 or common ~= nil and #common.rates > 0
  end
  local function call_many(command, key, ids)
    local sum = 0
    for from = 1, #ids, 1000 do
      sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
    end
    return sum
  end
  local function keep_starts(lane, ms)
    if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
  end
  local function plan_look(closed, prefix, name, time)
    redis.call('ZADD', closed, time, name)
    redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
  end
  local function held_until(lane)
    local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
    return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
  end
  local function hold_lane(closed, prefix, name, lane, ms)
    local till = math.max(now + ms, held_until(lane))
    redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
    keep_starts(lane, till - now + 1000)
    plan_look(closed, prefix, name, till)
  end
  local function is_held_lane(closed, lane, name)
    return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
  end
  local function starts_in(lane, window)
    local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
    local starts, sum, is_set_back = {}, 0, false
    for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
      local time = math.min(all[i], now)
      if all[i] > now then is_set_back = true end
      if time + window >= now then
        starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
        sum = sum + all[i + 1]
      end
    end
    if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
    return starts, sum
  end
  local function rate_left(lane, rates)
    local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
    for _, rate in ipairs(rates) do
      local starts, sum = starts_in(lane, rate[2])
      left = math.min(left, rate[1] - tokens - sum)
      if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
    end
    return left, opens
  end
  local function add_starts(starts, most, count)
    while count > 0 do
      local at = #starts
      local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
      local added = is_full and math.min(count, most) or count
      if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
      if is_full then
        starts[at + 1], starts[at + 2] = now, added
      else
        starts[at - 1], starts[at] = now, starts[at] + added
      end
      count = count - added
    end
  end
  local function spend(lane, rates, ids)
    local count, life, seen = 0, 0, {}
    for from = 1, #ids, 1000 do
      local page = { unpack(ids, from, math.min(from + 999, #ids)) }
      for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
        if not seen[page[i]] then count = count + has_token end
        seen[page[i]] = true
      end
    end
    if count == 0 then return 0 end
    for _, rate in ipairs(rates) do
      local starts = starts_in(lane, rate[2])
      add_starts(starts, math.ceil(rate[1] / TIMES), count)
      redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
      life = math.max(life, rate[2])
    end
    keep_starts(lane, life + 1000)
    call_many('SREM', lane.tokens, ids)
    return count
  end
  local function look_again(closed, prefix, name, lane, rates)
    local left, opens = rate_left(lane, rates)
    if left > 0 or not opens then return end
    if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
  end
  local known_commons = {}
  local function make_common(prefix, task, rules)
    local common = { rates = rules.rates }
    local has_rates = #rules.rates > 0
    for first = #KEYS - 3, 1, -4 do
      if KEYS[first] == prefix .. 'slots:' .. task then
        common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
        break
      end
    end
    local free_slots, left, opens
    function common.room()
      if not free_slots then
        free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
        if has_rates then left, opens = rate_left(common, common.rates) end
      end
      return math.min(free_slots, left), free_slots > 0 and opens or nil
    end
    local function count(slots, tokens)
      if not free_slots then return end
      free_slots, left = free_slots + slots, left + tokens
      if left <= 0 and not opens then free_slots = nil end
    end
    function common.free(name, quota)
      local others = redis.call('ZCARD', common.turns)
      if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
      return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
    end
    function common.take(ids)
      local slots = call_many('SADD', common.slots, ids)
      count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
    end
    function common.leave(ids)
      local slots = call_many('SREM', common.slots, ids)
      count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
    end
    function common.spend(ids)
      local started = has_rates and spend(common, common.rates, ids) or 0
      if started > 0 then free_slots = nil end
      return started
    end
    function common.plan(closed)
      if redis.call('ZCARD', common.turns) == 0 then return end
      local room, opens_at = common.room()
      local time = room > 0 and now or opens_at
      local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
      if time and planned ~= time and (planned == 0 or planned > now or time > now) then
        plan_look(closed, prefix, task, time)
      end
    end
    local function stand(name, is_again)
      if not is_again and redis.call('ZSCORE', common.turns, name) then return end
      local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
      redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
    end
    function common.wait(gate, name, waits, had_turn)
      if waits then
        stand(name, had_turn)
      else
        redis.call('ZREM', common.turns, name)
      end
      if redis.call('EXISTS', common.slots, common.turns) > 0 then
        redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
      end
      common.plan(gate.closed)
    end
    return common
  end
  local function common_at(prefix, lane, rules)
    if not rules then return nil end
    local task = string.match(lane, '^%S+')
    known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
    return known_commons[task]
  end
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
  local function put_first(gate, list, ids)
    for i = #ids, 1, -1 do
      enter_first(list, ids[i])
      redis.call('ZADD', gate.gated, now, ids[i])
    end
  end
  local function free_slots(gate, lane, rates, common, ids)
    if #ids == 0 then return 0 end
    if common then common.leave(ids) end
    if #rates > 0 then call_many('SREM', lane.tokens, ids) end
    call_many('HDEL', gate.laned, ids)
    return call_many('SREM', lane.slots, ids)
  end
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
  local function next_of(gated, list, free)
    if free <= 0 then return {}, 0 end
    local count = math.min(free, 1000)
    local found, looked_at = look_at(gated, list, free, count)
    if #found == free or looked_at < count or count == 1000 then return found, looked_at end
    return look_at(gated, list, free, math.min(free + 100, 1000))
  end
  local function take_slots(gate, lane, name, rates, common, ids)
    if #ids == 0 then return end
    redis.call('SADD', lane.slots, unpack(ids))
    if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
    if common then common.take(ids) end
    if not is_rated(rates, common) then return end
    for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
  end
  local function read_shares(door, gate)
    local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
    return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
  end
  local function fair_share(shares, used, is_new)
    local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
    local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
    if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
    return math.max(free, math.ceil(capacity / 2) - queued)
  end
  local function is_shared_lane(name, max)
    return max > FEW and string.find(name, ' ', 1, true) < #name
  end
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
      if not is_shared then mark_crowded(gate, name, 0) end
      if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
    elseif #admitted + #parked + #heads > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
    end
    return is_empty
  end
  local function leave_lane(first, prefix, id, has_run)
    local gate, lane = gate_at(first + 1), lane_at(first + 10)
    redis.call('HDEL', gate.laned, id)
    local was_gated = redis.call('ZREM', gate.gated, id) == 1
    if was_gated and redis.call('LLEN', lane.list) <= 1000 then redis.call('LREM', lane.list, 0, id) end
    local change = { gone = { id }, ran = has_run and { id } or nil }
    move_lane(door(KEYS[2], KEYS[first - 2], KEYS[first]), gate, prefix, lane, change)
    return was_gated
  end
  use_levels(KEYS[2], KEYS[16], KEYS[25], KEYS[26], KEYS[27])
  if leave_lane(18, ARGV[3], id, elsewhere) then elsewhere = true end
end
if not elsewhere then unqueue(KEYS[3], { id }, { KEYS[2], KEYS[16], KEYS[17], KEYS[25], KEYS[26] }) end
if redis.call('HEXISTS', KEYS[18], '') == 0 then wake(KEYS[2], KEYS[25], KEYS[26]) end
publish_if_watched(KEYS[4], ARGV[3], id, 'removed')
return 'removed'`,
  'remove-many': String.raw`local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end
local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_as_read(record, sent)
  if string.byte(sent) == 35 then return redis.sha1hex(record) == string.sub(sent, 2) end
  return record == string.sub(sent, 2)
end
local function publish_removed(watched, prefix, ids)
  if #ids == 0 or redis.call('EXISTS', watched) == 0 then return end
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for i = 1, #ids do changes[i] = 'removed' end
  publish_watched(watched, prefix, ids, changes)
end
local ids, elsewhere = {}, {}
for i = 2, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local records, claims = redis.call('HMGET', KEYS[1], unpack(ids)), redis.call('HMGET', KEYS[5], unpack(ids))
local function note_found(command, key)
  for i, found in ipairs(redis.call(command, key, unpack(ids))) do
    if found and found ~= 0 then elsewhere[ids[i]] = true end
  end
end
note_found('ZMSCORE', KEYS[4])
for i = 9, 10 do note_found('SMISMEMBER', KEYS[i]) end
for i = 11, 14 do note_found('ZMSCORE', KEYS[i]) end
local replies, removed, waited, seen = {}, {}, {}, {}
for i, id in ipairs(ids) do
  if not records[i] or seen[id] then
    replies[i] = 'unknown'
  elseif not is_as_read(records[i], ARGV[2 * i + 1]) then
    replies[i] = 'changed'
  elseif claims[i] then
    replies[i] = 'active'
  else
    replies[i], seen[id] = 'removed', true
    removed[#removed + 1] = id
    if not elsewhere[id] then waited[#waited + 1] = id end
  end
end
if #removed == 0 then return replies end
redis.call('HDEL', KEYS[1], unpack(removed))
leave(4, removed)
redis.call('HDEL', KEYS[20], unpack(removed))
unqueue(KEYS[3], waited, { KEYS[2], KEYS[15], KEYS[16], KEYS[18], KEYS[19] })
if redis.call('HEXISTS', KEYS[17], '') == 0 then wake(KEYS[2], KEYS[18], KEYS[19]) end
publish_removed(KEYS[21], ARGV[1], removed)
return replies`,
  'renew': String.raw`local function renew_lease(leases, tick, worker)
  local now = tonumber(redis.call('GET', tick) or 0) or 0
  local before = tonumber(redis.call('ZSCORE', leases, worker) or -5)
  if before ~= now then redis.call('ZADD', leases, now, worker) end
  return before > now - 5 and before <= now
end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
local kept = renew_lease(KEYS[1], KEYS[2], ARGV[1])
for i = 1, 5, 2 do redis.call('PEXPIRE', KEYS[i], 86400000) end
return { kept and 1 or 0, redis.call('EXISTS', KEYS[4]) }`,
  'reschedule': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local id, due = ARGV[1], ARGV[2] == '' and string.format('%.0f', now) or ARGV[2]
if not redis.call('ZSCORE', KEYS[1], id) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', due, id)
local record = redis.call('HGET', KEYS[3], id) or ''
local last = string.sub(record, -4096)
local data, options = string.match(last, '^(.*"options":)({"timestamp":.*},"status":"created","progress":null})$')
local before, after = string.match(options or '', '^(.-[{,]"delay":)%d%d%d%d%d%d%d%d%d%d%d+(.*)$')
if before then redis.call('HSET', KEYS[3], id, string.sub(record, 1, -4097) .. data .. before .. due .. after) end
redis.pcall('PUBLISH', ARGV[3] .. 'earlierDelayed', due)
publish_if_watched(KEYS[2], ARGV[3], id, 'delayed')
return 1`,
  'resume': String.raw`local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function move_oldest(from, to, count)
  local ids, oldest_first = redis.call('LRANGE', from, -count, -1), {}
  for i = #ids, 1, -1 do oldest_first[#oldest_first + 1] = ids[i] end
  push(to, oldest_first)
  if #ids > 0 then redis.call('LTRIM', from, 0, -#ids - 1) end
end
local function publish_to_watched(watched, prefix, change)
  local ids = redis.call('ZRANGE', watched, 0, 999)
  table.sort(ids)
  for _, id in ipairs(ids) do
    redis.pcall('PUBLISH', prefix .. 'task:' .. id, change)
  end
end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local ends = ARGV[1] == '' or redis.call('HEXISTS', KEYS[1], '') == 0
if ends and redis.call('EXISTS', KEYS[3]) == 1 then
  local size = redis.call('LLEN', KEYS[2])
  if size > 1000 and redis.call('EXISTS', KEYS[4]) == 1 then
    move_oldest(KEYS[4], KEYS[3], 1000)
    return 2
  end
  if size > 1000 then
    redis.call('RENAME', KEYS[2], KEYS[4])
  else
    move_oldest(KEYS[2], KEYS[3], 1000)
  end
  redis.call('RENAME', KEYS[3], KEYS[2])
end
redis.call('HDEL', KEYS[1], ARGV[1])
if ends then wake(KEYS[2], KEYS[6], KEYS[7]) end
publish_to_watched(KEYS[5], ARGV[2], 'resumed')
return 1`,
  'retry': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local id = ARGV[1]
if redis.call('HGET', KEYS[1], id) ~= ARGV[2] then return 'changed' end
if redis.call('SISMEMBER', KEYS[10], id) == 0 then return 'refused' end
redis.call('HSET', KEYS[1], id, ARGV[3])
local list = door(KEYS[2], KEYS[15], KEYS[16])
use_levels(KEYS[2], KEYS[15], KEYS[23], KEYS[24], KEYS[25])
if #KEYS > 25 then
  local TIMES, NO_LIMIT = 256, 1000000000
  local known_rules = {}
  local function read_rules(limits, name)
    local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
    local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
    local of_key = { max = tonumber(digits or 1), rates = {} }
    local of_task = { max = NO_LIMIT, rates = {} }
    if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
    for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
      local rates = kind == 't' and of_task.rates or of_key.rates
      rates[#rates + 1] = { tonumber(max), tonumber(window) }
    end
    local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
    return { of_key.max, of_key.rates, has_common and of_task or nil }
  end
  local function rules_of(limits, lane)
    local name = string.match(lane, '^%S+')
    known_rules[name] = known_rules[name] or read_rules(limits, name)
    return unpack(known_rules[name], 1, 3)
  end
  local function is_rated(rates, common)
    return #rates > 0 or common ~= nil and #common.rates > 0
  end
  local function call_many(command, key, ids)
    local sum = 0
    for from = 1, #ids, 1000 do
      sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
    end
    return sum
  end
  local function keep_starts(lane, ms)
    if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
  end
  local function plan_look(closed, prefix, name, time)
    redis.call('ZADD', closed, time, name)
    redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
  end
  local function held_until(lane)
    local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
    return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
  end
  local function hold_lane(closed, prefix, name, lane, ms)
    local till = math.max(now + ms, held_until(lane))
    redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
    keep_starts(lane, till - now + 1000)
    plan_look(closed, prefix, name, till)
  end
  local function is_held_lane(closed, lane, name)
    return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
  end
  local function starts_in(lane, window)
    local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
    local starts, sum, is_set_back = {}, 0, false
    for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
      local time = math.min(all[i], now)
      if all[i] > now then is_set_back = true end
      if time + window >= now then
        starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
        sum = sum + all[i + 1]
      end
    end
    if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
    return starts, sum
  end
  local function rate_left(lane, rates)
    local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
    for _, rate in ipairs(rates) do
      local starts, sum = starts_in(lane, rate[2])
      left = math.min(left, rate[1] - tokens - sum)
      if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
    end
    return left, opens
  end
  local function add_starts(starts, most, count)
    while count > 0 do
      local at = #starts
      local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
      local added = is_full and math.min(count, most) or count
      if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
      if is_full then
        starts[at + 1], starts[at + 2] = now, added
      else
        starts[at - 1], starts[at] = now, starts[at] + added
      end
      count = count - added
    end
  end
  local function spend(lane, rates, ids)
    local count, life, seen = 0, 0, {}
    for from = 1, #ids, 1000 do
      local page = { unpack(ids, from, math.min(from + 999, #ids)) }
      for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
        if not seen[page[i]] then count = count + has_token end
        seen[page[i]] = true
      end
    end
    if count == 0 then return 0 end
    for _, rate in ipairs(rates) do
      local starts = starts_in(lane, rate[2])
      add_starts(starts, math.ceil(rate[1] / TIMES), count)
      redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
      life = math.max(life, rate[2])
    end
    keep_starts(lane, life + 1000)
    call_many('SREM', lane.tokens, ids)
    return count
  end
  local function look_again(closed, prefix, name, lane, rates)
    local left, opens = rate_left(lane, rates)
    if left > 0 or not opens then return end
    if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
  end
  local known_commons = {}
  local function make_common(prefix, task, rules)
    local common = { rates = rules.rates }
    local has_rates = #rules.rates > 0
    for first = #KEYS - 3, 1, -4 do
      if KEYS[first] == prefix .. 'slots:' .. task then
        common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
        break
      end
    end
    local free_slots, left, opens
    function common.room()
      if not free_slots then
        free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
        if has_rates then left, opens = rate_left(common, common.rates) end
      end
      return math.min(free_slots, left), free_slots > 0 and opens or nil
    end
    local function count(slots, tokens)
      if not free_slots then return end
      free_slots, left = free_slots + slots, left + tokens
      if left <= 0 and not opens then free_slots = nil end
    end
    function common.free(name, quota)
      local others = redis.call('ZCARD', common.turns)
      if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
      return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
    end
    function common.take(ids)
      local slots = call_many('SADD', common.slots, ids)
      count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
    end
    function common.leave(ids)
      local slots = call_many('SREM', common.slots, ids)
      count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
    end
    function common.spend(ids)
      local started = has_rates and spend(common, common.rates, ids) or 0
      if started > 0 then free_slots = nil end
      return started
    end
    function common.plan(closed)
      if redis.call('ZCARD', common.turns) == 0 then return end
      local room, opens_at = common.room()
      local time = room > 0 and now or opens_at
      local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
      if time and planned ~= time and (planned == 0 or planned > now or time > now) then
        plan_look(closed, prefix, task, time)
      end
    end
    local function stand(name, is_again)
      if not is_again and redis.call('ZSCORE', common.turns, name) then return end
      local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
      redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
    end
    function common.wait(gate, name, waits, had_turn)
      if waits then
        stand(name, had_turn)
      else
        redis.call('ZREM', common.turns, name)
      end
      if redis.call('EXISTS', common.slots, common.turns) > 0 then
        redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
      end
      common.plan(gate.closed)
    end
    return common
  end
  local function common_at(prefix, lane, rules)
    if not rules then return nil end
    local task = string.match(lane, '^%S+')
    known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
    return known_commons[task]
  end
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
  local function put_first(gate, list, ids)
    for i = #ids, 1, -1 do
      enter_first(list, ids[i])
      redis.call('ZADD', gate.gated, now, ids[i])
    end
  end
  local function free_slots(gate, lane, rates, common, ids)
    if #ids == 0 then return 0 end
    if common then common.leave(ids) end
    if #rates > 0 then call_many('SREM', lane.tokens, ids) end
    call_many('HDEL', gate.laned, ids)
    return call_many('SREM', lane.slots, ids)
  end
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
  local function next_of(gated, list, free)
    if free <= 0 then return {}, 0 end
    local count = math.min(free, 1000)
    local found, looked_at = look_at(gated, list, free, count)
    if #found == free or looked_at < count or count == 1000 then return found, looked_at end
    return look_at(gated, list, free, math.min(free + 100, 1000))
  end
  local function take_slots(gate, lane, name, rates, common, ids)
    if #ids == 0 then return end
    redis.call('SADD', lane.slots, unpack(ids))
    if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
    if common then common.take(ids) end
    if not is_rated(rates, common) then return end
    for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
  end
  local function read_shares(door, gate)
    local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
    return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
  end
  local function fair_share(shares, used, is_new)
    local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
    local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
    if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
    return math.max(free, math.ceil(capacity / 2) - queued)
  end
  local function is_shared_lane(name, max)
    return max > FEW and string.find(name, ' ', 1, true) < #name
  end
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
      if not is_shared then mark_crowded(gate, name, 0) end
      if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
    elseif #admitted + #parked + #heads > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
    end
    return is_empty
  end
  move_lane(list, gate_at(17), ARGV[4], lane_at(26), { arrivals = { id }, gone = { id }, ran = { id } })
else
  enter(list, { id })
end
leave(4, { id })
publish_if_watched(KEYS[3], ARGV[4], id, 'waiting')
return 'queued'`,
  'retry-many': String.raw`local function publish_watched(watched, prefix, ids, changes)
  local marks = redis.call('ZMSCORE', watched, unpack(ids))
  for i = 1, #ids do
    if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
  end
end
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
local ids, count = {}, 0
for i = 2, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local failed = redis.call('SMISMEMBER', KEYS[10], unpack(ids))
local untils = redis.call('ZMSCORE', KEYS[12], unpack(ids))
local replies, queued, changes, written, seen, n = {}, {}, {}, {}, {}, 0
for i = 1, count do
  local id = ids[i]
  if failed[i] == 0 or untils[i] ~= ARGV[3 * i] or seen[id] then
    replies[i] = 'changed'
  else
    seen[id] = true
    replies[i] = 'queued'
    n = n + 1
    queued[n] = id
    changes[n] = 'waiting'
    written[2 * n - 1] = id
    written[2 * n] = ARGV[3 * i + 1]
  end
end
if n > 0 then
  redis.call('HSET', KEYS[1], unpack(written))
  use_levels(KEYS[2], KEYS[15], KEYS[17], KEYS[18], KEYS[19])
  enter(door(KEYS[2], KEYS[15], KEYS[16]), queued)
  leave(4, queued)
  publish_watched(KEYS[3], ARGV[1], queued, changes)
end
return replies`,
  'set-schedule': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function load_state(states, id)
  local text = redis.call('HGET', states, id)
  local is_json, state = pcall(cjson.decode, text or '')
  return is_json and type(state) == 'table' and state or nil
end
local function save_state(states, id, state)
  redis.call('HSET', states, id, cjson.encode(state))
end
local function is_whole(schedules, ticks, id, state)
  return redis.call('HEXISTS', schedules, id) == 1 and (not state.next or redis.call('ZSCORE', ticks, id))
end
local function miss(state, count, last)
  if tonumber(count) == 0 then return end
  state.missed, state.mark = (state.missed or 0) + tonumber(count), tonumber(last)
end
local function next_of(state) return state.next and string.format('%.0f', state.next) or '' end
local function generation_of(state) return string.format('%.0f', tonumber(state.generation) or 0) end
local function miss_left(state, expected, generation, count, last, every)
  local next = next_of(state)
  if next ~= expected then
    if generation_of(state) ~= generation then return false end
    if tonumber(count) == 0 or next == '' or state.next > tonumber(last) then return true end
    if every == '' then return false end
    count = math.floor((tonumber(last) - state.next) / tonumber(every)) + 1
  end
  miss(state, count, last)
  return true
end
local function plan(states, ticks, id, state, next, due)
  local done = state.max and (state.fired or 0) >= state.max
  state.next = nil
  if next ~= '' and not (done or state.paused or state.orphan) then state.next = tonumber(next) end
  save_state(states, id, state)
  if state.next then
    redis.call('ZADD', ticks, due, id)
  else
    redis.call('ZREM', ticks, id)
  end
end
local id, epoch, declared = ARGV[1], tonumber(ARGV[2]), ARGV[4] == '1'
local before = load_state(KEYS[2], id)
if before and before.epoch > epoch then return 'superseded' end
local live = before and not before.moved
if live and before.declared and not declared then return 'declared' end
local whole = live and is_whole(KEYS[1], KEYS[3], id, before)
if whole and ARGV[12] == '1' then return 'unchanged' end
local state = before or {}
if not live and ARGV[10] ~= '' then state = cjson.decode(ARGV[10]) end
local same = live and state.hash == ARGV[3] and state.declared == declared
local silent = state.declared and (state.orphan or now - state.seen > state.grace)
local plans = not same or silent or not whole
if live and redis.call('HEXISTS', KEYS[1], id) == 0 then state.next = nil end
if plans and state.mark and ARGV[6] ~= '' and tonumber(ARGV[6]) <= state.mark then return 'passed' end
if not same then
  local expected = live and ARGV[13] or next_of(state)
  if not miss_left(state, expected, ARGV[18], ARGV[15], ARGV[16], ARGV[17]) then return 'passed' end
  state.generation = math.max(now, (state.generation or 0) + 1)
end
if not live then
  if state.held then state.skipped, state.held, state.heldMissed = (state.skipped or 0) + 1, nil, nil end
  state.taskQueue = ARGV[14] ~= '' and ARGV[14] or nil
end
state.epoch, state.hash, state.declared, state.moved, state.orphan = epoch, ARGV[3], declared, nil, nil
state.seen, state.grace, state.max = now, tonumber(ARGV[9]), tonumber(ARGV[8])
if not plans then
  save_state(KEYS[2], id, state)
  return 'unchanged'
end
redis.call('HSET', KEYS[1], id, ARGV[5])
plan(KEYS[2], KEYS[3], id, state, ARGV[6], ARGV[7])
if state.next then redis.pcall('PUBLISH', ARGV[11], ARGV[7]) end
return 'set'`,
  'settle': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local is_repeat = { retry = true, defer = true, limited = true }
local groups, group_count, ids, count = {}, 0, {}, 0
local at, last = 2, #ARGV
while at < last do
  local size, has_event, has_lane = tonumber(ARGV[at + 4]), ARGV[at + 3] == '1', ARGV[at + 5] == '1'
  local step = 2 + (has_event and 1 or 0) + (has_lane and 1 or 0)
  local token, outcome, ms = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local group = { token = token, outcome = outcome, ms = ms, step = step, first = count + 1, at = at + 6 }
  group.has_event, group.has_lane = has_event, has_lane
  group_count = group_count + 1
  groups[group_count] = group
  at = at + 6
  for _ = 1, size do
    count = count + 1
    ids[count] = ARGV[at]
    at = at + step
  end
  group.last = count
end
local nothing_rare = redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7], KEYS[14], KEYS[16], KEYS[24], KEYS[27]) == 0
local function exists(key) return not nothing_rare and redis.call('EXISTS', key) == 1 end
local has_cancels = exists(KEYS[7])
local claims = redis.call('HMGET', KEYS[4], unpack(ids))
local replies, seen, settled, settled_count = {}, {}, {}, 0
local not_stalled, not_stalled_count, records, records_count, removed, removed_count = {}, 0, {}, 0, {}, 0
local waiting, waiting_count, delayed, delayed_count = {}, 0, {}, 0
local events, events_count = {}, 0
local done_keys = { succeeded = KEYS[10], failed = KEYS[11], cancelled = KEYS[12], expired = KEYS[13] }
local member_keys = { succeeded = KEYS[8], failed = KEYS[9] }
local terminals = {}
for g = 1, group_count do
  local group = groups[g]
  local token, outcome, ms, step, place = group.token, group.outcome, group.ms, group.step, group.at
  local done = done_keys[outcome]
  if done and not terminals[outcome] then
    terminals[outcome] = { done = done, members = member_keys[outcome], ids = {}, expiries = {}, count = 0 }
  end
  local finished, repeats, known = terminals[outcome], is_repeat[outcome], nil
  local expiry = string.format('%.0f', now + ms)
  for n = group.first, group.last do
    local id, claim = ids[n], claims[n]
    if claim and claim ~= known and is_owner(token, claim) then known = claim end
    if not claim or claim ~= known or seen[id] then
      replies[n] = 0
    elseif has_cancels and repeats and redis.call('SISMEMBER', KEYS[7], id) == 1 then
      replies[n] = 2
    else
      if settled_count == 0 then redis.call('HSET', KEYS[4], id, claim) end
      replies[n] = 1
      seen[id] = 1
      settled_count = settled_count + 1
      settled[settled_count] = id
      if outcome ~= 'defer' then
        not_stalled_count = not_stalled_count + 1
        not_stalled[not_stalled_count] = id
      end
      if finished and ms <= 0 then
        removed_count = removed_count + 1
        removed[removed_count] = id
      elseif finished or outcome == 'retry' or outcome == 'limited' then
        records[records_count + 1], records[records_count + 2] = id, ARGV[place + 1]
        records_count = records_count + 2
      end
      if finished and ms > 0 then
        local m = finished.count
        finished.ids[m + 1], finished.expiries[2 * m + 1], finished.expiries[2 * m + 2] = id, expiry, id
        finished.count = m + 1
      elseif repeats and ms <= 0 then
        waiting_count = waiting_count + 1
        waiting[waiting_count] = id
      elseif repeats and outcome ~= 'limited' then
        delayed[delayed_count + 1], delayed[delayed_count + 2] = now + ms, id
        delayed_count = delayed_count + 2
      end
      if group.has_event then
        events_count = events_count + 1
        events[events_count] = ARGV[place + step - 1]
      end
    end
    place = place + step
  end
end
if settled_count == 0 then return replies end
if waiting_count > 0 or #KEYS > 31 then
  local leveled
  local function use_levels(waiting, parked, high, low, levels)
    leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
  end
  local function wake(waiting, high, low)
    if redis.call('EXISTS', waiting) == 1 then return end
    for _, list in ipairs({ high, low }) do
      local head = redis.call('LRANGE', list, -1, -1)
      if head[1] then
        redis.call('RPUSH', waiting, head[1])
        redis.call('LTRIM', list, 0, -2)
        return
      end
    end
  end
  local function is_leveled(list)
    return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
  end
  local function push(list, ids)
    local length
    for from = 1, #ids, 1000 do
      length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
    end
    return length
  end
  local function enter(list, ids)
    if #ids == 0 or not is_leveled(list) then return push(list, ids) end
    local parts = { h = {}, l = {}, n = {} }
    for from = 1, #ids, 1000 do
      local page = { unpack(ids, from, math.min(from + 999, #ids)) }
      local levels = redis.call('HMGET', leveled.levels, unpack(page))
      for i, id in ipairs(page) do
        local part = parts[levels[i] or 'n'] or parts.n
        part[#part + 1] = id
      end
    end
    push(list, parts.n)
    push(leveled.high, parts.h)
    push(leveled.low, parts.l)
    if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
  end
  local function enter_first(list, id)
    if not is_leveled(list) then return redis.call('RPUSH', list, id) end
    local level = redis.call('HGET', leveled.levels, id)
    redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
    if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
  end
  local function door(waiting, parked, paused)
    return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
  end
  if exists(KEYS[27]) then use_levels(KEYS[2], KEYS[15], KEYS[28], KEYS[29], KEYS[27]) end
  if #KEYS > 31 then
    local TIMES, NO_LIMIT = 256, 1000000000
    local known_rules = {}
    local function read_rules(limits, name)
      local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
      local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
      local of_key = { max = tonumber(digits or 1), rates = {} }
      local of_task = { max = NO_LIMIT, rates = {} }
      if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
      for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
        local rates = kind == 't' and of_task.rates or of_key.rates
        rates[#rates + 1] = { tonumber(max), tonumber(window) }
      end
      local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
      return { of_key.max, of_key.rates, has_common and of_task or nil }
    end
    local function rules_of(limits, lane)
      local name = string.match(lane, '^%S+')
      known_rules[name] = known_rules[name] or read_rules(limits, name)
      return unpack(known_rules[name], 1, 3)
    end
    local function is_rated(rates, common)
      return #rates > 0 or common ~= nil and #common.rates > 0
    end
    local function call_many(command, key, ids)
      local sum = 0
      for from = 1, #ids, 1000 do
        sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
      end
      return sum
    end
    local function keep_starts(lane, ms)
      if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
    end
    local function plan_look(closed, prefix, name, time)
      redis.call('ZADD', closed, time, name)
      redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
    end
    local function held_until(lane)
      local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
      return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
    end
    local function hold_lane(closed, prefix, name, lane, ms)
      local till = math.max(now + ms, held_until(lane))
      redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
      keep_starts(lane, till - now + 1000)
      plan_look(closed, prefix, name, till)
    end
    local function is_held_lane(closed, lane, name)
      return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
    end
    local function starts_in(lane, window)
      local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
      local starts, sum, is_set_back = {}, 0, false
      for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
        local time = math.min(all[i], now)
        if all[i] > now then is_set_back = true end
        if time + window >= now then
          starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
          sum = sum + all[i + 1]
        end
      end
      if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
      return starts, sum
    end
    local function rate_left(lane, rates)
      local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
      for _, rate in ipairs(rates) do
        local starts, sum = starts_in(lane, rate[2])
        left = math.min(left, rate[1] - tokens - sum)
        if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
      end
      return left, opens
    end
    local function add_starts(starts, most, count)
      while count > 0 do
        local at = #starts
        local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
        local added = is_full and math.min(count, most) or count
        if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
        if is_full then
          starts[at + 1], starts[at + 2] = now, added
        else
          starts[at - 1], starts[at] = now, starts[at] + added
        end
        count = count - added
      end
    end
    local function spend(lane, rates, ids)
      local count, life, seen = 0, 0, {}
      for from = 1, #ids, 1000 do
        local page = { unpack(ids, from, math.min(from + 999, #ids)) }
        for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
          if not seen[page[i]] then count = count + has_token end
          seen[page[i]] = true
        end
      end
      if count == 0 then return 0 end
      for _, rate in ipairs(rates) do
        local starts = starts_in(lane, rate[2])
        add_starts(starts, math.ceil(rate[1] / TIMES), count)
        redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
        life = math.max(life, rate[2])
      end
      keep_starts(lane, life + 1000)
      call_many('SREM', lane.tokens, ids)
      return count
    end
    local function look_again(closed, prefix, name, lane, rates)
      local left, opens = rate_left(lane, rates)
      if left > 0 or not opens then return end
      if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
    end
    local known_commons = {}
    local function make_common(prefix, task, rules)
      local common = { rates = rules.rates }
      local has_rates = #rules.rates > 0
      for first = #KEYS - 3, 1, -4 do
        if KEYS[first] == prefix .. 'slots:' .. task then
          common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
          break
        end
      end
      local free_slots, left, opens
      function common.room()
        if not free_slots then
          free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
          if has_rates then left, opens = rate_left(common, common.rates) end
        end
        return math.min(free_slots, left), free_slots > 0 and opens or nil
      end
      local function count(slots, tokens)
        if not free_slots then return end
        free_slots, left = free_slots + slots, left + tokens
        if left <= 0 and not opens then free_slots = nil end
      end
      function common.free(name, quota)
        local others = redis.call('ZCARD', common.turns)
        if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
        return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
      end
      function common.take(ids)
        local slots = call_many('SADD', common.slots, ids)
        count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
      end
      function common.leave(ids)
        local slots = call_many('SREM', common.slots, ids)
        count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
      end
      function common.spend(ids)
        local started = has_rates and spend(common, common.rates, ids) or 0
        if started > 0 then free_slots = nil end
        return started
      end
      function common.plan(closed)
        if redis.call('ZCARD', common.turns) == 0 then return end
        local room, opens_at = common.room()
        local time = room > 0 and now or opens_at
        local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
        if time and planned ~= time and (planned == 0 or planned > now or time > now) then
          plan_look(closed, prefix, task, time)
        end
      end
      local function stand(name, is_again)
        if not is_again and redis.call('ZSCORE', common.turns, name) then return end
        local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
        redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
      end
      function common.wait(gate, name, waits, had_turn)
        if waits then
          stand(name, had_turn)
        else
          redis.call('ZREM', common.turns, name)
        end
        if redis.call('EXISTS', common.slots, common.turns) > 0 then
          redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
        end
        common.plan(gate.closed)
      end
      return common
    end
    local function common_at(prefix, lane, rules)
      if not rules then return nil end
      local task = string.match(lane, '^%S+')
      known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
      return known_commons[task]
    end
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
    local function put_first(gate, list, ids)
      for i = #ids, 1, -1 do
        enter_first(list, ids[i])
        redis.call('ZADD', gate.gated, now, ids[i])
      end
    end
    local function free_slots(gate, lane, rates, common, ids)
      if #ids == 0 then return 0 end
      if common then common.leave(ids) end
      if #rates > 0 then call_many('SREM', lane.tokens, ids) end
      call_many('HDEL', gate.laned, ids)
      return call_many('SREM', lane.slots, ids)
    end
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
    local function next_of(gated, list, free)
      if free <= 0 then return {}, 0 end
      local count = math.min(free, 1000)
      local found, looked_at = look_at(gated, list, free, count)
      if #found == free or looked_at < count or count == 1000 then return found, looked_at end
      return look_at(gated, list, free, math.min(free + 100, 1000))
    end
    local function take_slots(gate, lane, name, rates, common, ids)
      if #ids == 0 then return end
      redis.call('SADD', lane.slots, unpack(ids))
      if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
      if common then common.take(ids) end
      if not is_rated(rates, common) then return end
      for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
    end
    local function read_shares(door, gate)
      local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
      return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
    end
    local function fair_share(shares, used, is_new)
      local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
      local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
      if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
      return math.max(free, math.ceil(capacity / 2) - queued)
    end
    local function is_shared_lane(name, max)
      return max > FEW and string.find(name, ' ', 1, true) < #name
    end
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
        if not is_shared then mark_crowded(gate, name, 0) end
        if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
      elseif #admitted + #parked + #heads > 0 then
        redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
      end
      return is_empty
    end
    local gate, changes, touched, laned, heads_of = gate_at(17), {}, {}, {}, {}
    local is_usual = not leveled
    local function change_of(number)
      local change = changes[number]
      if change then return change end
      local lane = lane_at(28 + 4 * number)
      local name = string.sub(lane.slots, #ARGV[1] + 7)
      local _, rates, common = rules_of(gate.limits, name)
      change = { lane = lane, name = name, has_rate = is_rated(rates, common), gone = {}, heads = {}, ran = {} }
      if change.has_rate or common then is_usual = false end
      changes[number], touched[#touched + 1] = change, change
      return change
    end
    local function settle_in_lane(group, change, id, keeps_slot)
      local outcome = group.outcome
      local repeats, waits = outcome == 'retry' or outcome == 'defer', group.ms > 0
      if outcome ~= 'drop' and outcome ~= 'defer' and outcome ~= 'expired' then change.ran[#change.ran + 1] = id end
      if outcome == 'limited' or (repeats and not waits and change.has_rate) then
        is_usual = false
        table.insert(change.heads, id)
        heads_of[id] = true
      elseif not repeats or (waits and not keeps_slot) then
        change.gone[#change.gone + 1] = id
      end
      if repeats and waits and (not keeps_slot or change.has_rate) then
        laned[#laned + 1], laned[#laned + 2] = id, change.name
      end
      if outcome == 'limited' then hold_lane(gate.closed, ARGV[1], change.name, change.lane, group.ms) end
    end
    for g = 1, group_count do
      local group = groups[g]
      for n = group.first, group.has_lane and group.last or 0 do
        if replies[n] == 1 then
          local number = tonumber(ARGV[group.at + (n - group.first) * group.step + 2])
          settle_in_lane(group, change_of(math.abs(number)), ids[n], number < 0)
        end
      end
    end
    local others = {}
    for i = 1, waiting_count do
      if not heads_of[waiting[i]] then others[#others + 1] = waiting[i] end
    end
    waiting, waiting_count = others, #others
    local list = door(KEYS[2], KEYS[15], KEYS[16])
    if is_usual then
      local EMPTY = {}
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
        local has_laned = redis.call('EXISTS', gate.laned) == 1
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
          redis.call('SREM', gate.crowded, unpack(empty))
          redis.call('DEL', unpack(empty_tokens))
        end
      end
      refill(list, gate, touched)
    else
      for _, change in ipairs(touched) do move_lane(list, gate, ARGV[1], change.lane, change) end
    end
    if #laned > 0 then redis.call('HSET', KEYS[18], unpack(laned)) end
  end
  if waiting_count > 0 then enter(nothing_rare and KEYS[2] or door(KEYS[2], KEYS[15], KEYS[16]), waiting) end
end
redis.call('HDEL', KEYS[4], unpack(settled))
if exists(KEYS[5]) then redis.call('HDEL', KEYS[5], unpack(settled)) end
if not_stalled_count > 0 and exists(KEYS[6]) then redis.call('HDEL', KEYS[6], unpack(not_stalled)) end
if has_cancels then redis.call('SREM', KEYS[7], unpack(settled)) end
if records_count > 0 then redis.call('HSET', KEYS[1], unpack(records)) end
if removed_count > 0 then redis.call('HDEL', KEYS[1], unpack(removed)) end
for _, finished in pairs(terminals) do
  if finished.count > 0 then
    if finished.members then redis.call('SADD', finished.members, unpack(finished.ids)) end
    redis.call('ZADD', finished.done, unpack(finished.expiries))
  end
end
if delayed_count > 0 then
  redis.call('ZADD', KEYS[3], unpack(delayed))
  local first_due = delayed[1]
  for i = 3, delayed_count, 2 do first_due = math.min(first_due, delayed[i]) end
  redis.pcall('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', first_due))
end
if exists(KEYS[24]) then
  local LARGE = 32768
  local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
  local function retag(tags, tagged, id, names, timestamp)
    local before, time = redis.call('HGET', tagged, id), string.format('%016.0f', timestamp)
    if not before and (names or '') == '' then return end
    if names and names ~= '' then redis.call('HSET', tagged, id, time .. ' ' .. names) end
    local old = string.match(before or '', '^%S+')
    for name in string.gmatch(string.sub(before or '', #(old or '') + 1), '%S+') do
      redis.call('ZREM', tags, name .. ' ' .. old .. ' ' .. id)
    end
    for name in string.gmatch(names or '', '%S+') do redis.call('ZADD', tags, 0, name .. ' ' .. time .. ' ' .. id) end
    if (names or '') == '' then redis.call('HDEL', tagged, id) end
  end
  local function id_of(value)
    local till, id = string.match(value or '', '^(%d+) (.*)$')
    return id, tonumber(till or 0)
  end
  local function start_rerun(keys, prefix, key, packed)
    local is_packed, task = pcall(cmsgpack.unpack, packed)
    if not is_packed or type(task) ~= 'table' then return false end
    local own, number = task.id, 1
    while redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 do
      number = number + 1
      task.id = own .. '-' .. number
    end
    if #task.record >= LARGE then mark_large(keys.large) end
    redis.call('HSET', keys.unique, key, '0 ' .. task.id)
    redis.call('HSET', keys.keyed, task.id, key)
    retag(keys.tags, keys.tagged, task.id, task.tags, tonumber(task.timestamp) or now)
    if task.level ~= '' then redis.call('HSET', keys.levels, task.id, task.level) end
    if task.lane ~= '' then redis.call('HSET', keys.laned, task.id, task.lane) end
    local due = string.format('%.0f', math.max(now, tonumber(task.due) or 0))
    redis.call('ZADD', keys.delayed, due, task.id)
    redis.pcall('PUBLISH', prefix .. 'earlierDelayed', due)
    return true
  end
  local function end_keyed(keys, prefix, id, key, counts)
    local standing, till = id_of(redis.call('HGET', keys.unique, key))
    if standing == id and counts and till > now then return end
    local packed = redis.call('HGET', keys.rerun, id)
    local goes_on = standing == id and packed and start_rerun(keys, prefix, key, packed)
    if standing == id and not goes_on then redis.call('HDEL', keys.unique, key) end
    if packed then redis.call('HDEL', keys.rerun, id) end
    redis.call('HDEL', keys.keyed, id)
  end
  local keys = {
    unique = KEYS[23], keyed = KEYS[24], rerun = KEYS[25], jobs = KEYS[1], delayed = KEYS[3], laned = KEYS[18],
    large = KEYS[26], levels = KEYS[27], tags = KEYS[30], tagged = KEYS[31]
  }
  local found = redis.call('HMGET', KEYS[24], unpack(ids))
  for g = 1, group_count do
    local group = groups[g]
    local has_ended = terminals[group.outcome] or group.outcome == 'drop'
    local counts = (group.outcome == 'succeeded' or group.outcome == 'failed') and group.ms > 0
    for n = group.first, group.last do
      if has_ended and replies[n] == 1 and found[n] then end_keyed(keys, ARGV[1], ids[n], found[n], counts) end
    end
  end
end
if exists(KEYS[27]) then
  local ended = {}
  for g = 1, group_count do
    local group = groups[g]
    local has_ended = terminals[group.outcome] and (group.outcome ~= 'failed' or group.ms <= 0)
    for n = group.first, group.last do
      if has_ended and replies[n] == 1 then ended[#ended + 1] = ids[n] end
    end
  end
  if #ended > 0 then redis.call('HDEL', KEYS[27], unpack(ended)) end
end
if exists(KEYS[14]) then
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for g = 1, group_count do
    local group = groups[g]
    for n = group.first, group.last do
      if replies[n] == 1 and group.outcome ~= 'drop' then changes[n] = group.outcome end
    end
  end
  publish_watched(KEYS[14], ARGV[1], ids, changes)
end
for i = 1, events_count do redis.pcall('PUBLISH', ARGV[1] .. 'events', events[i]) end
return replies`,
  'settle-and-claim': String.raw`local function settle (KEYS, ARGV)
  return SETTLE
end
local function claim (KEYS, ARGV)
  return CLAIM
end
local function slice(list, from, to)
  local part = {}
  for i = from, to do part[i - from + 1] = list[i] end
  return part
end
local keys, args = tonumber(ARGV[1]), 2 + tonumber(ARGV[2])
local settled = settle(slice(KEYS, 1, keys), slice(ARGV, 3, args))
local done, claimed = pcall(claim, slice(KEYS, keys + 1, #KEYS), slice(ARGV, args + 1, #ARGV))
if not done then claimed = tostring(type(claimed) == 'table' and claimed.err or claimed) end
return { settled, claimed }`,
  'sizes': String.raw`local sizes = {}
local has_progress = redis.call('EXISTS', KEYS[2]) == 1
for i = 1, #ARGV do
  sizes[2 * i - 1] = redis.call('HSTRLEN', KEYS[1], ARGV[i])
  sizes[2 * i] = has_progress and redis.call('HSTRLEN', KEYS[2], ARGV[i]) or 0
end
return sizes`,
  'start': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
local prefix, lanes, count = ARGV[1], {}, 0
for i = 2, #ARGV, 2 do
  local number = tonumber(ARGV[i + 1])
  lanes[number] = lanes[number] or {}
  table.insert(lanes[number], ARGV[i])
end
local commons = {}
local function start_in(lane, name, ids)
  local _, rates, common_rules = rules_of(KEYS[2], name)
  local common = common_at(prefix, name, common_rules)
  if common then
    commons[common] = commons[common] or {}
    for _, id in ipairs(ids) do table.insert(commons[common], id) end
  end
  local started = #rates > 0 and spend(lane, rates, ids) or 0
  if started > 0 and redis.call('LLEN', lane.list) > 0 and not is_held_lane(KEYS[1], lane, name) then
    look_again(KEYS[1], prefix, name, lane, rates)
  end
  return started
end
for number, ids in pairs(lanes) do
  local first = 4 * number - 1
  local lane = { list = KEYS[first + 1], tokens = KEYS[first + 2], starts = KEYS[first + 3] }
  count = count + start_in(lane, string.sub(KEYS[first], #prefix + 7), ids)
end
for common, ids in pairs(commons) do
  local started = common.spend(ids)
  if started > 0 then common.plan(KEYS[1]) end
  count = count + started
end
return count`,
  'sweep': String.raw`local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function leave(first, ids)
  if #ids == 0 then return end
  redis.call('ZREM', KEYS[first], unpack(ids))
  for i = first + 1, first + 3 do redis.call('HDEL', KEYS[i], unpack(ids)) end
  for i = first + 4, first + 6 do redis.call('SREM', KEYS[i], unpack(ids)) end
  for i = first + 7, first + 10 do redis.call('ZREM', KEYS[i], unpack(ids)) end
end
use_levels(KEYS[8], KEYS[22], KEYS[25], KEYS[26], KEYS[27])
local requeued, exhausted = {}, {}
local interval = tonumber(ARGV[1])
local TICK = math.max(1, math.floor(interval / 4))
local LIFE, HIGHEST = 5, 1e15
local function is_full(tick) return tick % 40 == 6 end
local function wait() return math.max(1, redis.call('PTTL', KEYS[1])) end
local function take_block(key, ms, longest)
  local left = redis.call('PTTL', key)
  if left == -1 or left > longest then redis.call('DEL', key) end
  return redis.call('SET', key, '1', 'PX', ms, 'NX')
end
local function next_tick()
  redis.call('ZREMRANGEBYSCORE', KEYS[3], HIGHEST, '+inf')
  local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  local tick = tonumber(redis.call('GET', KEYS[2]) or 0)
  if not tick or not (tick >= 0 and tick < HIGHEST) then tick = 0 end
  tick = math.floor(math.max(tick, tonumber(newest[2] or 0))) + 1
  redis.call('SET', KEYS[2], string.format('%.0f', tick), 'PX', 86400000)
  return tick
end
local function stalls_of(value)
  local before = tonumber(value or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before)
end
local function requeue(ids)
  if #ids == 0 then return end
  local laned, due, free = redis.call('HMGET', KEYS[24], unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    requeued[#requeued + 1] = id
    if laned[i] then
      due[#due + 1], due[#due + 2] = 1, id
    else
      free[#free + 1] = id
    end
  end
  if #due > 0 then redis.call('ZADD', KEYS[10], unpack(due)) end
  enter(door(KEYS[8], KEYS[22], KEYS[23]), free)
  redis.call('HDEL', KEYS[11], unpack(ids))
  redis.call('HDEL', KEYS[13], unpack(ids))
end
local function take_back(lost, tick)
  local ids, again, stalled, gone = {}, {}, {}, {}
  for i = 1, #lost, 3 do ids[#ids + 1] = lost[i] end
  if #ids == 0 then return end
  local stalls, cancels = redis.call('HMGET', KEYS[12], unpack(ids)), redis.call('SMISMEMBER', KEYS[14], unpack(ids))
  for i, id in ipairs(ids) do
    local count, token = stalls_of(stalls[i]) + 1, lost[3 * i - 1]
    if redis.call('HEXISTS', KEYS[9], id) == 0 then
      gone[#gone + 1] = id
    elseif token ~= '' and (count > tonumber(ARGV[2]) or cancels[i] == 1) then
      local at = #exhausted
      exhausted[at + 1], exhausted[at + 2], exhausted[at + 3] = id, count, token
      redis.call('ZADD', KEYS[3], tick - LIFE, lost[3 * i])
    else
      again[#again + 1] = id
      stalled[#stalled + 1], stalled[#stalled + 2] = id, count
    end
  end
  if #again > 0 then redis.call('HSET', KEYS[12], unpack(stalled)) end
  requeue(again)
  leave(10, gone)
end
local function sweep_claims(tick, cursor)
  local page = redis.call('HSCAN', KEYS[11], cursor, 'COUNT', 150)
  local alive = {}
  local function is_alive(worker)
    if alive[worker] == nil then
      local renewed = tonumber(redis.call('ZSCORE', KEYS[3], worker) or -LIFE)
      alive[worker] = renewed > tick - LIFE
    end
    return alive[worker]
  end
  local lost, seen = {}, {}
  for i = 1, #page[2], 2 do
    local id, token = page[2][i], string.match(page[2][i + 1], '^([^ ]+) ')
    local worker, number = string.match(token or '', '^(.*)%.(%d+)$')
    local floor = worker and is_full(tick) and tonumber(redis.call('HGET', KEYS[4], worker) or 0)
    local is_lost = not is_alive(worker or token or '') or (floor and tonumber(number) < floor)
    if is_lost and not seen[id] then
      seen[id] = true
      lost[#lost + 1], lost[#lost + 2], lost[#lost + 3] = id, token or '', worker or token or ''
    end
    if #lost == 3000 then
      take_back(lost, tick)
      lost = {}
    end
  end
  take_back(lost, tick)
  return page[1]
end
local function forget_dead(tick)
  local dead = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. (tick - LIFE), 'LIMIT', 0, 1000)
  if #dead == 0 then return end
  redis.call('HDEL', KEYS[4], unpack(dead))
  for _, worker in ipairs(dead) do redis.call('HDEL', KEYS[21], worker .. ' now', worker .. ' wait') end
  redis.call('ZREM', KEYS[3], unpack(dead))
end
local function remove_active(id, kept)
  if kept == 0 then return redis.call('RPOP', KEYS[7]) end
  redis.call('LREM', KEYS[7], -1, id)
end
local function sweep_active(kept)
  local ids = redis.call('LRANGE', KEYS[7], -kept - 250, -kept - 1)
  if #ids == 0 then return -1 end
  local was_seen, ours = redis.call('SMISMEMBER', KEYS[5], unpack(ids)), redis.call('HMGET', KEYS[11], unpack(ids))
  local seen, stalled, new, again, steps = {}, {}, {}, {}, 0
  for i = #ids, 1, -1 do
    local id = ids[i]
    if was_seen[i] == 0 then
      new[#new + 1] = id
      kept = kept + 1
    else
      stalled[#stalled + 1] = id
      if not seen[id] and not ours[i] and redis.call('HEXISTS', KEYS[9], id) == 1 then again[#again + 1] = id end
      seen[id] = true
      remove_active(id, kept)
      steps = steps + kept
      if steps > 200000 then break end
    end
  end
  if #new > 0 then redis.call('SADD', KEYS[5], unpack(new)) end
  requeue(again)
  if #stalled > 0 then redis.call('SREM', KEYS[5], unpack(stalled)) end
  return steps <= 200000 and #ids < 250 and -1 or kept
end
local function begin()
  local tick = next_tick()
  local sweeps = is_full(tick) or redis.call('ZCOUNT', KEYS[3], '-inf', tick - LIFE) > 0
  local checks = take_block(KEYS[6], interval, 86400000)
  return tick, sweeps and '0' or '', checks and 0 or -1
end
local tick, cursor, kept
if ARGV[3] ~= '' then
  tick, cursor, kept = string.match(ARGV[3], '^(%d+) (%d*) (-?%d+)$')
  tick, kept = tonumber(tick), tonumber(kept)
elseif take_block(KEYS[1], TICK, TICK) then
  tick, cursor, kept = begin()
else
  return { '', wait(), requeued, exhausted }
end
if cursor ~= '' then
  cursor = sweep_claims(tick, cursor)
  if cursor == '0' then
    cursor = ''
    forget_dead(tick)
  end
elseif kept >= 0 then
  kept = sweep_active(kept)
end
local more = cursor ~= '' or kept >= 0
return { more and string.format('%.0f %s %d', tick, cursor, kept) or '', wait(), requeued, exhausted }`,
  'sweep-lane': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
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
local function put_first(gate, list, ids)
  for i = #ids, 1, -1 do
    enter_first(list, ids[i])
    redis.call('ZADD', gate.gated, now, ids[i])
  end
end
local function free_slots(gate, lane, rates, common, ids)
  if #ids == 0 then return 0 end
  if common then common.leave(ids) end
  if #rates > 0 then call_many('SREM', lane.tokens, ids) end
  call_many('HDEL', gate.laned, ids)
  return call_many('SREM', lane.slots, ids)
end
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
local function next_of(gated, list, free)
  if free <= 0 then return {}, 0 end
  local count = math.min(free, 1000)
  local found, looked_at = look_at(gated, list, free, count)
  if #found == free or looked_at < count or count == 1000 then return found, looked_at end
  return look_at(gated, list, free, math.min(free + 100, 1000))
end
local function take_slots(gate, lane, name, rates, common, ids)
  if #ids == 0 then return end
  redis.call('SADD', lane.slots, unpack(ids))
  if #rates > 0 then redis.call('SADD', lane.tokens, unpack(ids)) end
  if common then common.take(ids) end
  if not is_rated(rates, common) then return end
  for _, id in ipairs(ids) do redis.call('HSET', gate.laned, id, name) end
end
local function read_shares(door, gate)
  local capacity = tonumber(string.match(redis.call('HGET', gate.limits, '*') or '', '^%d+') or 10)
  return { capacity = capacity, keys = redis.call('SCARD', gate.crowded), queued = redis.call('LLEN', door) }
end
local function fair_share(shares, used, is_new)
  local capacity, keys, queued = shares.capacity, shares.keys, shares.queued
  local free = math.max(FEW, math.ceil(2 * capacity / math.max(1, keys))) - used
  if is_new and keys > 0 then free = math.min(free, math.max(FEW - used, 2 * capacity - queued)) end
  return math.max(free, math.ceil(capacity / 2) - queued)
end
local function is_shared_lane(name, max)
  return max > FEW and string.find(name, ' ', 1, true) < #name
end
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
    if not is_shared then mark_crowded(gate, name, 0) end
    if #rates == 0 and #gone > 0 then redis.call('DEL', lane.tokens) end
  elseif #admitted + #parked + #heads > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + CHECK_MS, name)
  end
  return is_empty
end
use_levels(KEYS[8], KEYS[9], KEYS[17], KEYS[18], KEYS[19])
local gone, kept, lane = {}, {}, lane_at(21)
local function are_unfinished(page)
  local unfinished = {}
  for i = 1, #page do unfinished[i] = true end
  for key = 2, 3 do
    for i, is_member in ipairs(redis.call('SMISMEMBER', KEYS[key], unpack(page))) do
      if is_member == 1 then unfinished[i] = false end
    end
  end
  for _, key in ipairs({ 4, 5, 6, 7, 11 }) do
    local scores = redis.call('ZMSCORE', KEYS[key], unpack(page))
    for i = 1, #page do
      if scores[i] then unfinished[i] = false end
    end
  end
  return unfinished
end
local ids = redis.call('SMEMBERS', lane.slots)
for from = 1, #ids, 1000 do
  local page = { unpack(ids, from, math.min(from + 999, #ids)) }
  local unfinished = are_unfinished(page)
  for i, id in ipairs(page) do
    local is_kept = unfinished[i] and redis.call('HEXISTS', KEYS[1], id) == 1
    table.insert(is_kept and kept or gone, id)
  end
end
local function forget_lanes(ids)
  for from = 1, #ids, 1000 do
    local page, queued = { unpack(ids, from, math.min(from + 999, #ids)) }, {}
    local dues = redis.call('ZMSCORE', KEYS[20], unpack(page))
    for i, id in ipairs(page) do
      if not dues[i] then queued[#queued + 1] = id end
    end
    call_many('HDEL', KEYS[12], queued)
  end
end
local function drop_tokens()
  local has_slot, dropped = {}, {}
  for _, id in ipairs(ids) do has_slot[id] = true end
  for _, id in ipairs(redis.call('SMEMBERS', lane.tokens)) do
    if not has_slot[id] then dropped[#dropped + 1] = id end
  end
  call_many('SREM', lane.tokens, dropped)
end
local function sweep_common(name, rules)
  local common = common_at(ARGV[1], name, rules)
  if common then
    drop_tokens()
    common.spend(gone)
    common.leave(gone)
    common.plan(KEYS[15])
  else
    redis.call('DEL', lane.slots, lane.list, lane.tokens)
  end
  if redis.call('EXISTS', lane.slots, lane.list) == 0 then redis.call('ZREM', KEYS[13], name) end
  return 0
end
local function drop_purged()
  local function is_purged(id) return not redis.call('ZSCORE', KEYS[11], id) end
  local oldest = redis.call('LRANGE', lane.list, -1, -1)
  if not oldest[1] or not is_purged(oldest[1]) then return 0 end
  local page, count = redis.call('LRANGE', lane.list, -1000, -1), 0
  for i = #page, 1, -1 do
    if not is_purged(page[i]) then break end
    count = count + 1
  end
  redis.call('LTRIM', lane.list, 0, -count - 1)
  return count
end
local name = string.sub(lane.slots, #ARGV[1] + 7)
local _, rates, rules = rules_of(KEYS[14], name)
if not string.find(name, ' ', 1, true) then return sweep_common(name, rules) end
if rules and rules.max < NO_LIMIT then call_many('SADD', common_at(ARGV[1], name, rules).slots, kept) end
drop_tokens()
if not is_rated(rates, rules) and redis.call('EXISTS', KEYS[12]) == 1 then forget_lanes(kept) end
local size = redis.call('LLEN', lane.list)
local change = { gone = gone, ran = gone, is_look = true }
local is_empty = move_lane(door(KEYS[8], KEYS[9], KEYS[10]), gate_at(11), ARGV[1], lane, change)
local left = redis.call('LLEN', lane.list)
return not is_empty and left > 0 and (left < size or drop_purged() > 0) and 1 or 0`,
  'sweep-unique': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local function retag(tags, tagged, id, names, timestamp)
  local before, time = redis.call('HGET', tagged, id), string.format('%016.0f', timestamp)
  if not before and (names or '') == '' then return end
  if names and names ~= '' then redis.call('HSET', tagged, id, time .. ' ' .. names) end
  local old = string.match(before or '', '^%S+')
  for name in string.gmatch(string.sub(before or '', #(old or '') + 1), '%S+') do
    redis.call('ZREM', tags, name .. ' ' .. old .. ' ' .. id)
  end
  for name in string.gmatch(names or '', '%S+') do redis.call('ZADD', tags, 0, name .. ' ' .. time .. ' ' .. id) end
  if (names or '') == '' then redis.call('HDEL', tagged, id) end
end
local function id_of(value)
  local till, id = string.match(value or '', '^(%d+) (.*)$')
  return id, tonumber(till or 0)
end
local function start_rerun(keys, prefix, key, packed)
  local is_packed, task = pcall(cmsgpack.unpack, packed)
  if not is_packed or type(task) ~= 'table' then return false end
  local own, number = task.id, 1
  while redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 do
    number = number + 1
    task.id = own .. '-' .. number
  end
  if #task.record >= LARGE then mark_large(keys.large) end
  redis.call('HSET', keys.unique, key, '0 ' .. task.id)
  redis.call('HSET', keys.keyed, task.id, key)
  retag(keys.tags, keys.tagged, task.id, task.tags, tonumber(task.timestamp) or now)
  if task.level ~= '' then redis.call('HSET', keys.levels, task.id, task.level) end
  if task.lane ~= '' then redis.call('HSET', keys.laned, task.id, task.lane) end
  local due = string.format('%.0f', math.max(now, tonumber(task.due) or 0))
  redis.call('ZADD', keys.delayed, due, task.id)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', due)
  return true
end
local function end_keyed(keys, prefix, id, key, counts)
  local standing, till = id_of(redis.call('HGET', keys.unique, key))
  if standing == id and counts and till > now then return end
  local packed = redis.call('HGET', keys.rerun, id)
  local goes_on = standing == id and packed and start_rerun(keys, prefix, key, packed)
  if standing == id and not goes_on then redis.call('HDEL', keys.unique, key) end
  if packed then redis.call('HDEL', keys.rerun, id) end
  redis.call('HDEL', keys.keyed, id)
end
local function is_unfinished(task, jobs, first)
  if redis.call('HEXISTS', jobs, task) == 0 then return false end
  for i = first, first + 1 do
    if redis.call('SISMEMBER', KEYS[i], task) == 1 then return false end
  end
  for i = first + 2, first + 5 do
    if redis.call('ZSCORE', KEYS[i], task) then return false end
  end
  return true
end
local reply = redis.call('HSCAN', ARGV[3] == 'levels' and KEYS[14] or KEYS[9], ARGV[1], 'COUNT', 100)
local keys = {
  unique = KEYS[8], keyed = KEYS[9], rerun = KEYS[10], jobs = KEYS[1], delayed = KEYS[11], laned = KEYS[12],
  large = KEYS[13], levels = KEYS[14], tags = KEYS[15], tagged = KEYS[16]
}
for i = 1, #reply[2], 2 do
  local id = reply[2][i]
  if ARGV[3] == 'levels' then
    local is_kept = is_unfinished(id, KEYS[1], 2) or redis.call('SISMEMBER', KEYS[3], id) == 1
    if not is_kept and (id ~= '' or redis.call('HLEN', KEYS[14]) == 1) then redis.call('HDEL', KEYS[14], id) end
  elseif not is_unfinished(id, KEYS[1], 2) then
    end_keyed(keys, ARGV[2], id, reply[2][i + 1], redis.call('HEXISTS', KEYS[1], id) == 1)
  end
end
return reply[1]`,
  'take-turns': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local TIMES, NO_LIMIT = 256, 1000000000
local known_rules = {}
local function read_rules(limits, name)
  local found = redis.call('HMGET', limits, '!' .. name, name, '~!' .. name, '~' .. name)
  local digits, mark = string.match(found[1] or found[2] or '', '^(%d+)(t?)')
  local of_key = { max = tonumber(digits or 1), rates = {} }
  local of_task = { max = NO_LIMIT, rates = {} }
  if mark == 't' then of_key.max, of_task.max = NO_LIMIT, of_key.max end
  for max, window, kind in string.gmatch(found[3] or found[4] or '', '(%d+):(%d+)(t?)') do
    local rates = kind == 't' and of_task.rates or of_key.rates
    rates[#rates + 1] = { tonumber(max), tonumber(window) }
  end
  local has_common = of_task.max < NO_LIMIT or #of_task.rates > 0
  return { of_key.max, of_key.rates, has_common and of_task or nil }
end
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end
local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end
local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end
local function starts_in(lane, window)
  local is_packed, all = pcall(cmsgpack.unpack, redis.call('HGET', lane.starts, window) or '')
  local starts, sum, is_set_back = {}, 0, false
  for i = 1, is_packed and type(all) == 'table' and #all or 0, 2 do
    local time = math.min(all[i], now)
    if all[i] > now then is_set_back = true end
    if time + window >= now then
      starts[#starts + 1], starts[#starts + 2] = time, all[i + 1]
      sum = sum + all[i + 1]
    end
  end
  if is_set_back then redis.pcall('HSET', lane.starts, window, cmsgpack.pack(starts)) end
  return starts, sum
end
local function rate_left(lane, rates)
  local tokens, left, opens = redis.call('SCARD', lane.tokens), math.huge, nil
  for _, rate in ipairs(rates) do
    local starts, sum = starts_in(lane, rate[2])
    left = math.min(left, rate[1] - tokens - sum)
    if rate[1] <= tokens + sum and starts[1] then opens = math.max(opens or 0, starts[1] + rate[2] + 1) end
  end
  return left, opens
end
local function add_starts(starts, most, count)
  while count > 0 do
    local at = #starts
    local is_full = at == 0 or starts[at - 1] ~= now and starts[at] >= most
    local added = is_full and math.min(count, most) or count
    if not is_full and starts[at - 1] ~= now then added = math.min(count, most - starts[at]) end
    if is_full then
      starts[at + 1], starts[at + 2] = now, added
    else
      starts[at - 1], starts[at] = now, starts[at] + added
    end
    count = count - added
  end
end
local function spend(lane, rates, ids)
  local count, life, seen = 0, 0, {}
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, has_token in ipairs(redis.call('SMISMEMBER', lane.tokens, unpack(page))) do
      if not seen[page[i]] then count = count + has_token end
      seen[page[i]] = true
    end
  end
  if count == 0 then return 0 end
  for _, rate in ipairs(rates) do
    local starts = starts_in(lane, rate[2])
    add_starts(starts, math.ceil(rate[1] / TIMES), count)
    redis.call('HSET', lane.starts, rate[2], cmsgpack.pack(starts))
    life = math.max(life, rate[2])
  end
  keep_starts(lane, life + 1000)
  call_many('SREM', lane.tokens, ids)
  return count
end
local function look_again(closed, prefix, name, lane, rates)
  local left, opens = rate_left(lane, rates)
  if left > 0 or not opens then return end
  if tonumber(redis.call('ZSCORE', closed, name) or 0) ~= opens then plan_look(closed, prefix, name, opens) end
end
local known_commons = {}
local function make_common(prefix, task, rules)
  local common = { rates = rules.rates }
  local has_rates = #rules.rates > 0
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      common.slots, common.turns, common.tokens, common.starts = unpack(KEYS, first, first + 3)
      break
    end
  end
  local free_slots, left, opens
  function common.room()
    if not free_slots then
      free_slots, left = rules.max - redis.call('SCARD', common.slots), NO_LIMIT
      if has_rates then left, opens = rate_left(common, common.rates) end
    end
    return math.min(free_slots, left), free_slots > 0 and opens or nil
  end
  local function count(slots, tokens)
    if not free_slots then return end
    free_slots, left = free_slots + slots, left + tokens
    if left <= 0 and not opens then free_slots = nil end
  end
  function common.free(name, quota)
    local others = redis.call('ZCARD', common.turns)
    if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
    return math.max(0, math.min(quota or NO_LIMIT, (common.room())))
  end
  function common.take(ids)
    local slots = call_many('SADD', common.slots, ids)
    count(-slots, has_rates and -call_many('SADD', common.tokens, ids) or 0)
  end
  function common.leave(ids)
    local slots = call_many('SREM', common.slots, ids)
    count(slots, has_rates and call_many('SREM', common.tokens, ids) or 0)
  end
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end
  function common.plan(closed)
    if redis.call('ZCARD', common.turns) == 0 then return end
    local room, opens_at = common.room()
    local time = room > 0 and now or opens_at
    local planned = tonumber(redis.call('ZSCORE', closed, task) or 0)
    if time and planned ~= time and (planned == 0 or planned > now or time > now) then
      plan_look(closed, prefix, task, time)
    end
  end
  local function stand(name, is_again)
    if not is_again and redis.call('ZSCORE', common.turns, name) then return end
    local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
    redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
  end
  function common.wait(gate, name, waits, had_turn)
    if waits then
      stand(name, had_turn)
    else
      redis.call('ZREM', common.turns, name)
    end
    if redis.call('EXISTS', common.slots, common.turns) > 0 then
      redis.call('ZADD', gate.lanes, 'NX', now + 5000, task)
    end
    common.plan(gate.closed)
  end
  return common
end
local function common_at(prefix, lane, rules)
  if not rules then return nil end
  local task = string.match(lane, '^%S+')
  known_commons[task] = known_commons[task] or make_common(prefix, task, rules)
  return known_commons[task]
end
local _, _, rules = rules_of(KEYS[1], ARGV[2])
local common = common_at(ARGV[1], ARGV[2], rules)
if not common then return { 0 } end
local room = common.room()
local count = math.min(room, redis.call('ZCARD', common.turns), ARGV[3])
if count < 1 then
  common.plan(KEYS[2])
  return { 0 }
end
return { math.floor(room / count), unpack(redis.call('ZRANGE', common.turns, 0, count - 1)) }`,
  'tick': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leveled
local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end
local function wake(waiting, high, low)
  if redis.call('EXISTS', waiting) == 1 then return end
  for _, list in ipairs({ high, low }) do
    local head = redis.call('LRANGE', list, -1, -1)
    if head[1] then
      redis.call('RPUSH', waiting, head[1])
      redis.call('LTRIM', list, 0, -2)
      return
    end
  end
end
local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
local function door(waiting, parked, paused)
  return redis.call('HEXISTS', paused, '') == 1 and parked or waiting
end
local function is_unfinished(task, jobs, first)
  if redis.call('HEXISTS', jobs, task) == 0 then return false end
  for i = first, first + 1 do
    if redis.call('SISMEMBER', KEYS[i], task) == 1 then return false end
  end
  for i = first + 2, first + 5 do
    if redis.call('ZSCORE', KEYS[i], task) then return false end
  end
  return true
end
local LARGE = 32768
local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
local function load_state(states, id)
  local text = redis.call('HGET', states, id)
  local is_json, state = pcall(cjson.decode, text or '')
  return is_json and type(state) == 'table' and state or nil
end
local function save_state(states, id, state)
  redis.call('HSET', states, id, cjson.encode(state))
end
local function is_whole(schedules, ticks, id, state)
  return redis.call('HEXISTS', schedules, id) == 1 and (not state.next or redis.call('ZSCORE', ticks, id))
end
local function miss(state, count, last)
  if tonumber(count) == 0 then return end
  state.missed, state.mark = (state.missed or 0) + tonumber(count), tonumber(last)
end
local function next_of(state) return state.next and string.format('%.0f', state.next) or '' end
local function generation_of(state) return string.format('%.0f', tonumber(state.generation) or 0) end
local function miss_left(state, expected, generation, count, last, every)
  local next = next_of(state)
  if next ~= expected then
    if generation_of(state) ~= generation then return false end
    if tonumber(count) == 0 or next == '' or state.next > tonumber(last) then return true end
    if every == '' then return false end
    count = math.floor((tonumber(last) - state.next) / tonumber(every)) + 1
  end
  miss(state, count, last)
  return true
end
local function plan(states, ticks, id, state, next, due)
  local done = state.max and (state.fired or 0) >= state.max
  state.next = nil
  if next ~= '' and not (done or state.paused or state.orphan) then state.next = tonumber(next) end
  save_state(states, id, state)
  if state.next then
    redis.call('ZADD', ticks, due, id)
  else
    redis.call('ZREM', ticks, id)
  end
end
use_levels(KEYS[5], KEYS[14], KEYS[17], KEYS[18], KEYS[19])
local id, mode, fire = ARGV[1], ARGV[3], ARGV[5]
local state = load_state(KEYS[1], id)
if not state or state.moved or state.paused then return 'taken' end
if string.format('%.0f', state.generation) ~= ARGV[2] and mode == 'tick' then return 'taken' end
local function is_running(task)
  if state.taskQueue then return ARGV[15] == '1' end
  return task and is_unfinished(task, KEYS[4], 7)
end
local function enqueue()
  local task, due = ARGV[9], ARGV[11]
  if redis.call('HSETNX', KEYS[4], task, ARGV[10]) == 1 then
    if #ARGV[10] >= LARGE then mark_large(KEYS[13]) end
    if ARGV[17] ~= '' then redis.call('HSET', KEYS[19], task, ARGV[17]) end
    if ARGV[16] ~= '' then
      redis.call('HSET', KEYS[16], task, ARGV[16])
      due = due == '' and string.format('%.0f', now) or due
    end
    if due == '' then
      enter(door(KEYS[5], KEYS[14], KEYS[15]), { task })
    else
      redis.call('ZADD', KEYS[6], due, task)
      redis.pcall('PUBLISH', ARGV[13], due)
    end
  end
  state.fired = (state.fired or 0) + 1
  state.task, state.last, state.taskQueue = task, tonumber(fire), nil
  return 'fired'
end
local function hold()
  state.held, state.heldMissed = tonumber(fire), tonumber(ARGV[6])
  redis.call('SADD', KEYS[3], id)
  return 'held'
end
local function skip()
  state.skipped = (state.skipped or 0) + 1
  return 'skipped'
end
local function outcome_of_tick()
  if fire == '' then return 'missed' end
  if ARGV[12] == 'allow' or not is_running(state.task) then
    if state.held then return skip() end
    return enqueue()
  end
  return ARGV[12] == 'queue' and not state.held and hold() or skip()
end
local outcome
if mode == 'held' then
  if not state.held or string.format('%.0f', state.held) ~= ARGV[4] then return 'taken' end
  if is_running(state.task) then return 'held' end
  outcome = enqueue()
  state.outcome, state.held, state.heldMissed = outcome, nil, nil
  if state.max and state.fired >= state.max then
    plan(KEYS[1], KEYS[2], id, state, '', 0)
  else
    save_state(KEYS[1], id, state)
  end
  redis.call('SREM', KEYS[3], id)
else
  if not state.next or next_of(state) ~= ARGV[4] then return 'taken' end
  if tonumber(redis.call('ZSCORE', KEYS[2], id) or now) > now then return 'early' end
  if state.declared and now - state.seen > state.grace then
    state.orphan = true
    plan(KEYS[1], KEYS[2], id, state, '', 0)
    return 'orphan'
  end
  outcome = outcome_of_tick()
  state.missed = (state.missed or 0) + tonumber(ARGV[6])
  state.outcome, state.mark = outcome, tonumber(ARGV[14])
  plan(KEYS[1], KEYS[2], id, state, ARGV[7], ARGV[8])
end
return outcome`,
  'update-progress': String.raw`local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
if not is_owner(ARGV[2], redis.call('HGET', KEYS[1], ARGV[1])) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
publish_if_watched(KEYS[3], ARGV[4], ARGV[1], 'progress')
if ARGV[5] then redis.pcall('PUBLISH', ARGV[4] .. 'events', ARGV[5]) end
return 1`,
  'walk-active': String.raw`local function held_by_plain_workers()
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
local cursor, most, page = ARGV[1], tonumber(ARGV[3]), {}
repeat
  local next_cursor, ids = scan_active(cursor)
  for i = index_of(ids, ARGV[2]) + 1, #ids do page[#page + 1], page[#page + 2] = ids[i], cursor end
  cursor = next_cursor
until cursor == '0' or #page >= 2 * most
return { cursor, unpack(page) }`,
  'walk-sorted': String.raw`local key, score, after, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local function is_before(id, other)
  for i = 1, math.min(#id, #other) do
    local one, two = string.byte(id, i), string.byte(other, i)
    if one ~= two then return one < two end
  end
  return #id < #other
end
local function index_after()
  local low = redis.call('ZCOUNT', key, '(' .. score, '+inf')
  local high = low + redis.call('ZCOUNT', key, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_before(redis.call('ZREVRANGE', key, middle, middle)[1], after) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end
local first = score == '' and 0 or index_after()
return redis.call('ZREVRANGE', key, first, first + limit - 1, 'WITHSCORES')`,
  'watch': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local marks = {}
for i = 2, #ARGV do
  marks[#marks + 1] = now + ARGV[1]
  marks[#marks + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(marks))
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
if #old > 0 then redis.call('ZREM', KEYS[1], unpack(old)) end
if redis.call('ZCARD', KEYS[1]) < 5000 then
  redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])
else
  redis.call('PERSIST', KEYS[1])
end`,
  'with-extras': String.raw`local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end
local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end
local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
local function run (KEYS, ARGV)
  return SCRIPT
end
local count, existed, keys, args = tonumber(ARGV[1]), {}, {}, {}
for i = 2, 2 * count, 2 do existed[ARGV[i]] = redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 end
for i = 7, #KEYS do keys[i - 6] = KEYS[i] end
for i = 2 * count + 2, #ARGV do args[i - 2 * count - 1] = ARGV[i] end
local reply = run(keys, args)
local function put(id, entry)
  forget(2, { id })
  redis.call('HSET', KEYS[3], id, entry)
  local time
  for word in string.gmatch(entry, '%S+') do
    if time then redis.call('ZADD', KEYS[2], 0, word .. ' ' .. time .. ' ' .. id) end
    time = time or word
  end
end
local gone = {}
for i = 2, 2 * count, 2 do
  local id, entry = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    gone[#gone + 1] = id
  elseif not existed[id] and entry ~= '' then
    put(id, entry)
  end
  existed[id] = true
end
forget(2, gone)
return reply`
}

export type ScriptName = keyof typeof scripts
