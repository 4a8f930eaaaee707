--[[
Stores a schedule in its queue, unless the same is stored already.

KEYS  1 schedules  2 scheduleStates  3 ticks
ARGV  1 id  2 epoch  3 hash of the definition  4 "1" if it is declared in code, "0" if it was set at run time
      5 definition  6 next planned time, "" if there is none  7 when that is due  8 maxRuns, "" without
      9 grace (ms)  10 state that it brings from another queue, "" without  11 channel earlierDelayed
      12 "1": only if nothing is stored  13 next planned time that the caller read, "" for none
      14 queue of the last task, "" if it is this one
      15 how many planned times have passed, and do not fire  16 the last of them  17 the interval between them, ""
      without  18 generation that the caller read
Returns "set" | "unchanged" | "declared" (at run time nobody overwrites a declared one) | "superseded" (it has moved)
        | "passed" (a tick was counted meanwhile: compute the next one again)

Guarantees: where the definition is unchanged the next tick stays, after a move from another queue, too. A change fires
nothing that has passed: ticks that were due already count as missed. A declared schedule that was silent, because no
process declared it any more, goes on from now. What somebody deleted of a schedule is stored again.
]]
-- @include now
-- @include schedule-state
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
if live and redis.call('HEXISTS', KEYS[1], id) == 0 then state.next = nil end -- as the caller read it
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
return 'set'
