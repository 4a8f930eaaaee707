--[[
The part of settle.lua for tasks with a lane.

Defines gate, which it uses: slots that are free go to the next tasks
]]
local gate, changes, laned, heads_of = gate_at(17), {}, {}, {}

local function change_of(number)
  if not changes[number] then
    local lane = lane_at(28 + 4 * number)
    local name = string.sub(lane.slots, #ARGV[1] + 7)
    local _, rates = rules_of(gate.limits, name)
    changes[number] = { lane = lane, name = name, has_rate = #rates > 0, gone = {}, heads = {}, ran = {} }
  end
  return changes[number]
end

-- With a rate, the next attempt is a start as any other: it needs a token, and waits as the first of its lane.
local function settle_in_lane(group, change, id)
  local outcome = group.outcome
  local repeats, waits = outcome == 'retry' or outcome == 'defer', group.ms > 0
  if outcome ~= 'drop' and outcome ~= 'defer' and outcome ~= 'expired' then table.insert(change.ran, id) end
  if outcome == 'limited' or (repeats and not waits and change.has_rate) then
    table.insert(change.heads, id)
    heads_of[id] = true
  elseif not repeats or (waits and group.lane > 0) then
    table.insert(change.gone, id)
  end
  if repeats and waits and (group.lane > 0 or change.has_rate) then
    laned[#laned + 1], laned[#laned + 2] = id, change.name
  end
  if outcome == 'limited' then hold_lane(gate.closed, ARGV[1], change.name, change.lane, group.ms) end
end

for g = 1, group_count do
  local group = groups[g]
  for n = group.first, group.last do
    if replies[n] == 1 and group.lane ~= 0 then settle_in_lane(group, change_of(math.abs(group.lane)), ids[n]) end
  end
end
local others = {}
for i = 1, waiting_count do
  if not heads_of[waiting[i]] then others[#others + 1] = waiting[i] end
end
waiting, waiting_count = others, #others
local list = door(KEYS[2], KEYS[15], KEYS[16])
for _, change in pairs(changes) do move_lane(list, gate, ARGV[1], change.lane, change) end
if #laned > 0 then redis.call('HSET', KEYS[18], unpack(laned)) end
