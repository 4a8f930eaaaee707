--[[
Moves a flow on: by the ends of its members, and by what its callers have done for it.

KEYS  1 jobs  2 watched  3 flows  4 flowsDone  5 flowList  6 flow  7 nodes  8 joins  9 open  10 pending  11 edges
      12 todo  13 ends  14 texts  15 unwritten
ARGV  1 id  2 channel prefix  3 when somebody has to look at it again, in ms from now, "" if it is left alone
      4 and more: commands, each its name, the number of its arguments, and these:
      end node, generation, outcome, message | succeeded generation, node, ... | ready join | start node
      | done entry of todo | seal
      cancel cause, code, message | add node, entry, record, parent, its generation | reopen record | forget | remove
Returns { state, 1 if there is more to do: call again, 1 if this call began to cancel, 1 if this call ended the flow,
      what the last seal, add, reopen or remove did: 1 done, 0 was done before, -1 refused,
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

-- Those of so many names that are in a set, each once.
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

-- Moves the nodes of a join from pending to open.
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
  -- In a set of their own too, so that a seal finds some of them at a time.
  if state == 'building' then redis.call('SADD', KEYS[15], join) else entries[#entries + 1] = entry end
end

-- The records of the nodes of a join are written.
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

-- A node that is in no join.
local function start_node(node)
  if state ~= 'running' or redis.call('SREM', KEYS[10], node) == 0 then return end
  redis.call('SADD', KEYS[9], node)
  redis.call('SADD', KEYS[12], 'N' .. node)
  entries[#entries + 1] = 'N' .. node
end

-- Nodes that are known to have ended: they stay so. And how far the lists of nodes have: many joins wait for the same.
local has_ended, places = {}, {}

-- The place in a list of nodes of the first that is pending or open, from a place on; behind its end if there is none.
local function find_outstanding(list, at)
  local size = 1 -- most looks find that the node of the last look has not ended
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

-- Whether all nodes that a join waits for have ended. The next look goes on from the first that had not: those before
-- it stay ended until the flow is retried.
local function is_ready(join)
  local found = redis.call('HMGET', KEYS[11], '!' .. join, join, '@' .. join)
  if found[1] then return false end
  local list, first = found[2] or '', tonumber(found[3] or 1)
  places[list] = places[list] or find_outstanding(list, first)
  if places[list] ~= first then redis.call('HSET', KEYS[11], '@' .. join, places[list]) end
  return places[list] > #list
end

-- Joins behind the members that have ended, in the order in which they are looked at.
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

-- Nodes of one generation that succeeded: they are the many, and most have the same joins. If some had ended before, a
-- join is looked at too often, which changes nothing. A node that has not started cannot end.
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

-- Of all ends that were told together: one look at each join.
local function end_together()
  places = {}
  for _, join in ipairs(waiting) do
    if (state == 'running' or state == 'building') and is_ready(join) then start_join(join) end
  end
  is_waiting, waiting = {}, {}
end

local function seal()
  -- Others have given it up: who writes it was too slow.
  if redis.call('HGET', KEYS[6], 'code') == 'FST_TASKS_FLOW_INCOMPLETE' then return -1 end
  if state ~= 'building' and state ~= 'reopening' then return 0 end
  set_state('running')
  return 1
end

local function add_node(node, entry, record, parent, generation)
  local current, _, joins = read_node(parent)
  if redis.call('HEXISTS', KEYS[7], node) == 1 then return 0 end
  local is_open = current == generation and redis.call('SISMEMBER', KEYS[9], parent) == 1
  if not is_open or (state ~= 'running' and state ~= 'building') then return -1 end
  redis.call('HSET', KEYS[7], node, (string.gsub(entry, '^(%d+ [01]) %S+', '%1 ' .. joins)))
  redis.call('HSET', KEYS[14], node, record)
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
  redis.call('HDEL', KEYS[6], 'cause', 'code', 'message', 'finished', 'skips')
  redis.call('HINCRBY', KEYS[6], 'attempt', 1)
  redis.call('HSET', KEYS[6], 'deadline', string.format('%.0f', now + redis.call('HGET', KEYS[6], 'life')))
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], 'NX', now, id)
  for _, i in ipairs(OURS) do redis.call('PERSIST', KEYS[i]) end
  redis.call('ZADD', KEYS[3], now, id)
  moved = 1
  return 1
end

-- Its members have their own expiry by now. What a retry needs stays as long as the record, and so do the texts: the
-- data of the members says who may see the flow.
local function forget()
  if state ~= 'ended' then return end
  local ttl = tonumber(redis.call('HGET', KEYS[6], 'ttl'))
  local succeeded = not redis.call('HGET', KEYS[6], 'cause')
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
  redis.call('HDEL', KEYS[1], id)
  for i = 3, 5 do redis.call('ZREM', KEYS[i], id) end
  for _, i in ipairs(OURS) do redis.call('UNLINK', KEYS[i]) end
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
  elseif name == 'add' then done = add_node(a, b, c, d, e)
  elseif name == 'reopen' then done = reopen(a)
  elseif name == 'forget' then forget()
  elseif name == 'remove' then done = remove()
  end
end
end_together()
if last == 'forget' or last == 'remove' then return { state, more, cancels, ends, done } end

-- What was ready while the flow was being built waits for its records: W. Since the seal they are written.
local function start_sealed()
  local ready = redis.call('SRANDMEMBER', KEYS[15], SLICE)
  for _, join in ipairs(ready) do on_written(join) end
  if #ready == SLICE then more = 1 end
end

-- Nodes behind one that failed never start.
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
  set_state('ended')
  redis.call('HSET', KEYS[6], 'finished', now)
  if ttl > 0 then
    redis.call('HSET', KEYS[1], id, string.format(
      '%s,"progress":%s,"stage":null,"attempt":%s%s,"startedAt":%s,"finishedAt":%.0f,"status":"%s"}',
      record, progress, found[5], failed, found[6], now, outcome))
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
  redis.call('HSET', KEYS[6], 'final', 2)
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
redis.call('ZADD', KEYS[3], string.format('%.0f', look), id)
if moved == 1 and ends == 0 then publish_if_watched(KEYS[2], ARGV[2], id, 'progress') end
return { state, more, cancels, ends, done, unpack(entries) }
