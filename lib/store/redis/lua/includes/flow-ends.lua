--[[
The part of flow-step.lua for the ends of members. To be included after flow-starts.

Defines end_node(node, generation, outcome, message), end_succeeded(generation, first, last), and end_together(), which
starts the joins that are ready by all ends before it
]]
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
