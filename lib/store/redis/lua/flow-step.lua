--[[
Moves a flow on: by the ends of its members, and by what its callers have done for it.

KEYS  1 jobs  2 watched  3 flows  4 flowsDone  5 flowList  6 flow  7 nodes  8 joins  9 open  10 pending  11 edges
      12 todo  13 ends  14 texts  15 unwritten
ARGV  1 id  2 channel prefix  3 when somebody has to look at it again, in ms from now, "" if it is left alone
      4 and more: commands, each its name, the number of its arguments, and these:
      end node, generation, outcome, message | succeeded generation, node, ... | ready join | start node
      | done entry of todo | seal
      cancel cause, code, message | add node, entry, record, parent, its generation, how many members a flow may have
      | reopen record | forget | remove
Returns { state, 1 if there is more to do: call again, 1 if this call began to cancel, 1 if this call ended the flow,
      what the last seal, add, reopen or remove did: 1 done, 0 was done before, -1 refused,
      2 refused: the members are to be released first, 3 refused: it has as many members as it may,
      entries of todo that the caller has to carry out, ... }

Guarantees:
1. A member's end counts once: it is removed from open. Ends of an older generation, and ends that are told twice,
   change nothing.
2. The call that empties open and pending ends the flow, or starts its node "finally". There is no counter.
3. What a caller is told to carry out is in todo until it says that it is done.
4. A Redis that is out of memory refuses the first write, and none after it.
Cost: at most 500 nodes are moved by a join, skipped or dropped, and 500 joins started by a seal in a call.
]]
-- @include now
-- @include publish
local SLICE = 500
local id = ARGV[1]
local state = redis.call('HGET', KEYS[6], 'state')
if not state then
  redis.call('ZREM', KEYS[3], id)
  return { 'gone', 0, 0, 0, 0 }
end
redis.call('HSET', KEYS[6], 'changed', now)

-- moved: how many members it has, or how many have ended, is not what it was.
local more, cancels, ends, done, moved = 0, 0, 0, 0, 0
local entries, skips = {}, {}
local function set_state(name)
  state = name
  redis.call('HSET', KEYS[6], 'state', name)
end

-- Generation, whether it may fail, and its joins as a list: see flow-node.ts. One whose entry is lost ends as removed.
local LOST = '0 0 - '
local function parse_node(entry)
  return string.match(entry or LOST, '^(%d+) ([01]) (%S+) ')
end

local function read_node(node) return parse_node(redis.call('HGET', KEYS[7], node)) end

local function begin_cancel(cause, code, message)
  -- How it ends is known. If its last task has lived too long, only that one is cancelled.
  local is_late = state == 'finally' and tonumber(redis.call('HGET', KEYS[6], 'deadline')) <= now
  if is_late and code == 'FST_TASKS_FLOW_TIMEOUT' then
    set_state('cancelling')
    cancels = 1
  end
  if state ~= 'running' and state ~= 'building' and state ~= 'reopening' then return end
  -- Nobody was told of it.
  if code == 'FST_TASKS_FLOW_INCOMPLETE' and state == 'building' then redis.call('HSET', KEYS[6], 'ttl', 0) end
  if not redis.call('HGET', KEYS[6], 'cause') then
    redis.call('HSET', KEYS[6], 'cause', cause, 'code', code, 'message', message)
  end
  set_state('cancelling')
  cancels = 1
end

-- Joins behind a node that did not succeed never start: their nodes are skipped.
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

-- @include flow-starts
-- @include flow-ends
-- @include flow-changes

local function seal()
  -- Others have given it up: who writes it was too slow.
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

-- @include flow-finish
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
-- A call that changes nothing puts no look off: who asks again and again for a cancel would keep the sweep away.
local is_change = moved + cancels + ends > 0 or done == 1 or #entries > 0
redis.call('ZADD', KEYS[3], is_change and 'CH' or 'LT', string.format('%.0f', look), id)
if moved == 1 and ends == 0 then publish_if_watched(KEYS[2], ARGV[2], id, 'progress') end
return { state, more, cancels, ends, done, unpack(entries) }
