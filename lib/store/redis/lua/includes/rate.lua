--[[
The rules of a lane. Its rates are windows that slide: of a window's starts the times are remembered, at most 256 of
them. With a higher rate a time stands for several starts, that of the last one. To be included after now.

Defines rules_of(limits, lane): limit, { { max, window in ms }, ... }, and { max, rates } of the common lane, nil if the
task has none: see common-lane.lua. A "t" behind a number says that it is that of the task.
is_rated(rates, common): whether a start needs a token. call_many(command, key, ids): returns the sum of the replies.
hold_lane(closed, prefix, name, lane, ms), is_held_lane(closed, lane, name): until then it admits nothing.
rate_left(lane, rates): { how many tasks may get a token, when more may if that is known }.
spend(lane, rates, ids): those of the ids that have a token have started. Returns how many.
look_again(closed, prefix, name, lane, rates): plans the next look at the lane, if no token is left. If the time is not
known yet, a token is on its way to become a start: that looks again
]]
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

-- Read once in a call: its lanes are mostly of one name.
local function rules_of(limits, lane)
  local name = string.match(lane, '^%S+')
  known_rules[name] = known_rules[name] or read_rules(limits, name)
  return unpack(known_rules[name], 1, 3)
end

-- Whether a start needs a token. common: a common lane, its rules, or nil.
local function is_rated(rates, common)
  return #rates > 0 or common ~= nil and #common.rates > 0
end

-- Calls a command with many members. Returns the sum of its replies.
local function call_many(command, key, ids)
  local sum = 0
  for from = 1, #ids, 1000 do
    sum = sum + redis.call(command, key, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return sum
end

-- Never shorter than before.
local function keep_starts(lane, ms)
  if redis.call('PTTL', lane.starts) < ms then redis.call('PEXPIRE', lane.starts, ms) end
end

local function plan_look(closed, prefix, name, time)
  redis.call('ZADD', closed, time, name)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', string.format('%.0f', time))
end

-- Zero if it is not held, or was before the clock was set back.
local function held_until(lane)
  local since, till = string.match(redis.call('HGET', lane.starts, 'until') or '', '^(%d+) (%d+)$')
  return since and now < tonumber(till) and now >= tonumber(since) and tonumber(till) or 0
end

-- Of several times the latest one holds.
local function hold_lane(closed, prefix, name, lane, ms)
  local till = math.max(now + ms, held_until(lane))
  redis.call('HSET', lane.starts, 'until', string.format('%.0f %.0f', now, till))
  keep_starts(lane, till - now + 1000)
  plan_look(closed, prefix, name, till)
end

local function is_held_lane(closed, lane, name)
  return tonumber(redis.call('ZSCORE', closed, name) or 0) > now and held_until(lane) > 0
end

-- { { time, number, time, number, ... } of the starts in the window, the oldest first, their sum }. If the clock was
-- set back since, the times to come become that of this look, so that they pass.
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
  -- A Redis that is out of memory refuses the first write, and no token is lost.
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
