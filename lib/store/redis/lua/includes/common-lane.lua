--[[
The common lane of a task: its limit and rates without a key, where it has others by key. What it holds is that of all
lanes of the task: slots, tokens and starts as of a lane, and turns, a sorted set of the lanes that could go on but for
it, the next one first. A script knows the keys of few lanes, so it lets in none of those: it plans a look at the common
lane, and take-turns.lua says whose turn it is. To be included after now and rate.

Defines common_at(prefix, lane, rules): nil if rules is nil. The keys of common lanes are the last ones of a call. The
functions of one are made when a call has one: most have none
]]
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

  -- Read once in a call, and counted from then on: the starts of a rate are long to read.
  local free_slots, left, opens

  -- How many tasks it lets in now, and when more, if that is known.
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
    if left <= 0 and not opens then free_slots = nil end -- when it opens was no question before: it is read again
  end

  -- The same for one lane. Who comes later stands behind those that wait. quota: how many, if it has its turn.
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

  -- Those of the ids that have a token have started. Returns how many.
  function common.spend(ids)
    local started = has_rates and spend(common, common.rates, ids) or 0
    if started > 0 then free_slots = nil end
    return started
  end

  -- Plans the next look at it, if a lane waits.
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

  -- Whether a lane waits for it. One that had its turn is the last one again.
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
