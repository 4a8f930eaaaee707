--[[
Carries out one tick of a schedule: moves its mark, and enqueues its task.

KEYS  1 scheduleStates  2 ticks  3 heldTicks  4 jobs  5 waiting  6 delayed  7 succeeded  8 failed
      9 done:succeeded  10 done:failed  11 done:cancelled  12 done:expired  13 large  14 parked  15 paused  16 laned
      17 high  18 low  19 levels
ARGV  1 id  2 generation  3 "tick", or "held" for a tick that waited for the task before it
      4 planned time that the caller expects to be the next, or the held one  5 planned time to fire, "" for none
      6 how many ticks before that one were missed  7 next planned time, "" for none  8 when that is due
      9 id of the task  10 record  11 due time of a delayed task, "" without  12 "skip" | "queue" | "allow"
      13 channel earlierDelayed  14 planned time of the last tick that is counted
      15 "1" if the last task is in another queue, and has not ended  16 lane of the task, "" without
      17 level of the task (h | l, "" for normal)
Returns "fired" | "skipped" | "held" | "missed" | "taken" (another caller was first, or the schedule was changed)
        | "early" (by the clock of Redis) | "orphan" (no process declares it any more)

Guarantees:
1. The mark and the task are one step. Of callers that expect the same mark one is first. So a tick fires once, whatever
   process dies, and whatever the clocks of processes say.
2. Each planned tick is counted as fired, skipped or missed. A held one is counted when it fires.
3. The task before has ended if its record is gone, or finished. A retry by hand starts it again.
]]
-- @include now
-- @include enter
-- @include door
-- @include is-unfinished
-- @include large
-- @include schedule-state
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
    -- Lanes are moved by queue-due: it is delayed until now.
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
    -- A held one, whose task before has just ended, comes first.
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
return outcome
