--[[
Changes or removes a schedule.

KEYS  1 schedules  2 scheduleStates  3 ticks  4 heldTicks
ARGV  1 id  2 "pause" | "resume" | "see" | "leave" | "remove" | "put off"
      see: 3 hash
      leave, remove: 3 epoch
      put off: 3 definition that cannot fire, "" if none can be read
      resume: 3 next planned time, "" for none  4 when that is due  5 channel earlierDelayed
              6 generation of the definition that the caller read
      pause: 3 next planned time that the caller read, "" for none
             4 how many planned times have passed, and do not fire  5 the last of them  6 the interval between them, ""
             without  7 generation of the definition that the caller read
Returns the state as it was, "" if the schedule is unknown or was not changed, "passed" if the definition was changed
        meanwhile, or a tick was counted, so that it has to be computed again what has passed or comes next

see: a living process declares it. Only if its definition is the one that is stored: an old version that is still alive
changes nothing. Not if its tick was lost: it has to be set again. put off: a tick that cannot fire must not stay the
first of those that are due. Without a definition there is nothing to fire, and it is removed. leave: it moves to
another queue. What stays refuses an older epoch. remove: not while a process declares it, or if it was placed again
with a higher epoch.
]]
-- @include now
-- @include schedule-state
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
return text
