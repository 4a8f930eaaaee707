--[[
Remembers that tasks of lanes with a rate have started.

KEYS  1 closed  2 limits
ARGV  1 prefix of keys and channels, then for each task: id, number of its lane
Returns how many tokens were taken, of lanes and of common lanes

More keys: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantee: a start is remembered once, however often it is told. Until then its token counts.
]]
-- @include now
-- @include rate
-- @include common-lane
local prefix, lanes, count = ARGV[1], {}, 0
for i = 2, #ARGV, 2 do
  local number = tonumber(ARGV[i + 1])
  lanes[number] = lanes[number] or {}
  table.insert(lanes[number], ARGV[i])
end

local commons = {}

local function start_in(lane, name, ids)
  local _, rates, common_rules = rules_of(KEYS[2], name)
  local common = common_at(prefix, name, common_rules)
  if common then
    commons[common] = commons[common] or {}
    for _, id in ipairs(ids) do table.insert(commons[common], id) end
  end
  local started = #rates > 0 and spend(lane, rates, ids) or 0
  if started > 0 and redis.call('LLEN', lane.list) > 0 and not is_held_lane(KEYS[1], lane, name) then
    look_again(KEYS[1], prefix, name, lane, rates)
  end
  return started
end

for number, ids in pairs(lanes) do
  local first = 4 * number - 1
  local lane = { list = KEYS[first + 1], tokens = KEYS[first + 2], starts = KEYS[first + 3] }
  count = count + start_in(lane, string.sub(KEYS[first], #prefix + 7), ids)
end
for common, ids in pairs(commons) do
  local started = common.spend(ids)
  if started > 0 then common.plan(KEYS[1]) end
  count = count + started
end
return count
