--[[
Remembers that tasks of lanes with a rate have started.

KEYS  1 closed  2 limits
ARGV  1 prefix of keys and channels, then for each task: id, number of its lane
Returns how many starts were new

More keys: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantee: a start is remembered once, however often it is told. Until then its token counts.
]]
-- @include now
-- @include rate
local lanes, count = {}, 0
for i = 2, #ARGV, 2 do
  local number = tonumber(ARGV[i + 1])
  lanes[number] = lanes[number] or {}
  table.insert(lanes[number], ARGV[i])
end
for number, ids in pairs(lanes) do
  local first = 4 * number - 1
  local lane = { tokens = KEYS[first + 2], starts = KEYS[first + 3] }
  local name = string.sub(KEYS[first], #ARGV[1] + 7)
  local _, rates = rules_of(KEYS[2], name)
  local started = #rates > 0 and spend(lane, rates, ids) or 0
  if started > 0 then
    count = count + started
    if redis.call('LLEN', KEYS[first + 1]) > 0 and not is_held_lane(KEYS[1], lane, name) then
      look_again(KEYS[1], ARGV[1], name, lane, rates)
    end
  end
end
return count
