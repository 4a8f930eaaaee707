--[[
What is known of a schedule beside its definition, as JSON: epoch, generation, hash, declared, seen, paused, moved,
orphan, next (planned time of the next tick), mark (of the last one that was counted), last and task (of the last one
that fired), taskQueue (of that task, if it is another one), held and heldMissed (a tick that waits for the task before
it), outcome, fired, skipped, missed, max, grace.

Defines load_state(states, id), save_state(states, id, state)
next_of(state), generation_of(state): as a caller sends what it read
is_whole(schedules, ticks, id, state): false if somebody deleted its definition or its tick
miss(state, count, last): counts planned times that have passed
miss_left(state, expected, generation, count, last, every): the same for a caller that has read the state: only those
that no tick has counted meanwhile, false if they cannot be told
plan(states, ticks, id, state, next, due): sets the next tick, none if next is "", and saves the state. That comes
first: a Redis that is out of memory refuses it
]]
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
