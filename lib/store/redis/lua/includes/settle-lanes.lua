--[[
The part of settle.lua for tasks with a lane.

Defines gate, which it uses: slots that are free go to the next tasks
]]
local gate, changes, touched, laned, heads_of = gate_at(17), {}, {}, {}, {}
local is_usual = not leveled -- tasks have only gone, from lanes without rates, and without a common one

local function change_of(number)
  local change = changes[number]
  if change then return change end
  local lane = lane_at(28 + 4 * number)
  local name = string.sub(lane.slots, #ARGV[1] + 7)
  local _, rates, common = rules_of(gate.limits, name)
  change = { lane = lane, name = name, has_rate = is_rated(rates, common), gone = {}, heads = {}, ran = {} }
  if change.has_rate or common then is_usual = false end
  changes[number], touched[#touched + 1] = change, change
  return change
end

-- With a rate, the next attempt is a start as any other: it needs a token, and waits as the first of its lane.
local function settle_in_lane(group, change, id, keeps_slot)
  local outcome = group.outcome
  local repeats, waits = outcome == 'retry' or outcome == 'defer', group.ms > 0
  if outcome ~= 'drop' and outcome ~= 'defer' and outcome ~= 'expired' then change.ran[#change.ran + 1] = id end
  if outcome == 'limited' or (repeats and not waits and change.has_rate) then
    is_usual = false
    table.insert(change.heads, id)
    heads_of[id] = true
  elseif not repeats or (waits and not keeps_slot) then
    change.gone[#change.gone + 1] = id
  end
  if repeats and waits and (not keeps_slot or change.has_rate) then
    laned[#laned + 1], laned[#laned + 2] = id, change.name
  end
  if outcome == 'limited' then hold_lane(gate.closed, ARGV[1], change.name, change.lane, group.ms) end
end

for g = 1, group_count do
  local group = groups[g]
  for n = group.first, group.has_lane and group.last or 0 do
    if replies[n] == 1 then
      local number = tonumber(ARGV[group.at + (n - group.first) * group.step + 2])
      settle_in_lane(group, change_of(math.abs(number)), ids[n], number < 0)
    end
  end
end
local others = {}
for i = 1, waiting_count do
  if not heads_of[waiting[i]] then others[#others + 1] = waiting[i] end
end
waiting, waiting_count = others, #others
local list = door(KEYS[2], KEYS[15], KEYS[16])
if is_usual then
  -- @include refill
  refill(list, gate, touched)
else
  for _, change in ipairs(touched) do move_lane(list, gate, ARGV[1], change.lane, change) end
end
if #laned > 0 then redis.call('HSET', KEYS[18], unpack(laned)) end
