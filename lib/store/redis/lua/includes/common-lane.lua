--[[
The common lane of a task: its limit and rates without a key, where it has others by key. What it holds is that of all
lanes of the task: slots, tokens and starts as of a lane, and turns, a sorted set of the lanes that could go on but for
it, the next one first. A script knows the keys of few lanes, so it lets in none of those: it plans a look at the common
lane, and take-turns.lua says whose turn it is. To be included after now and rate.

Defines common_at(prefix, task, rules): nil if rules is nil. The keys of common lanes are the last ones of a call
common_room(common): how many tasks it lets in now, and when more, if that is known
common_free(common, name, quota): the same for one lane. quota: how many, if it has its turn
wait_for_turn(gate, prefix, name, common, waits, quota): whether a lane waits for the common one
]]
local known_commons = {}

local function find_common(prefix, task, rules)
  for first = #KEYS - 3, 1, -4 do
    if KEYS[first] == prefix .. 'slots:' .. task then
      local common = { task = task, max = rules.max, rates = rules.rates }
      common.slots, common.turns = KEYS[first], KEYS[first + 1]
      common.tokens, common.starts = KEYS[first + 2], KEYS[first + 3]
      return common
    end
  end
end

local function common_at(prefix, task, rules)
  if not rules then return nil end
  known_commons[task] = known_commons[task] or find_common(prefix, task, rules)
  return known_commons[task]
end

local function common_room(common)
  local slots = common.max < NO_LIMIT and common.max - redis.call('SCARD', common.slots) or NO_LIMIT
  if #common.rates == 0 then return slots end
  local left, opens = rate_left(common, common.rates)
  return math.min(slots, left), slots > 0 and opens or nil
end

-- Who comes later stands behind those that wait.
local function common_free(common, name, quota)
  local others = redis.call('ZCARD', common.turns)
  if not quota and others > 0 and (others > 1 or not redis.call('ZSCORE', common.turns, name)) then return 0 end
  return math.max(0, math.min(quota or NO_LIMIT, (common_room(common))))
end

local function plan_turns(closed, prefix, common)
  if redis.call('ZCARD', common.turns) == 0 then return end
  local room, opens = common_room(common)
  local time = room > 0 and now or opens
  local planned = tonumber(redis.call('ZSCORE', closed, common.task) or 0)
  if time and planned ~= time and (planned == 0 or planned > now or time > now) then
    plan_look(closed, prefix, common.task, time)
  end
end

local function take_turn(common, name, is_again)
  if not is_again and redis.call('ZSCORE', common.turns, name) then return end
  local last = redis.call('ZRANGE', common.turns, -1, -1, 'WITHSCORES')
  redis.call('ZADD', common.turns, tonumber(last[2] or 0) + 1, name)
end

local function wait_for_turn(gate, prefix, name, common, waits, quota)
  if waits then
    take_turn(common, name, quota)
  else
    redis.call('ZREM', common.turns, name)
  end
  if redis.call('EXISTS', common.slots, common.turns) > 0 then
    redis.call('ZADD', gate.lanes, 'NX', now + 5000, common.task)
  end
  plan_turns(gate.closed, prefix, common)
end
