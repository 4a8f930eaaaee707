--[[
Gives claimed tasks back to their queue: tasks that were not started, or that a shutdown aborted.

KEYS  1 waiting  2 claims  3 progress  4 cancelling  5 watched  6 parked  7 paused
      8 gated  9 laned  10 lanes  11 limits  12 closed  13 crowded  14 high  15 low  16 levels
ARGV  1 channel prefix, then for each task, in the order in which they were claimed: id, claim token, number of the lane
      of a task that has started (0: none)
Returns for each task: 1 given back, 0 the claim is not the token's, 2 refused: a cancel was requested

More keys, if a task that has started has a lane: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantees:
1. They are the next to be claimed, in their old order. No attempt was spent.
2. If a start needs a token, by the rates of now, the one that was is remembered, and the next is one more: the task
   waits as the first of its lane.
]]
-- @include owner
-- @include publish
-- @include enter
-- @include door
use_levels(KEYS[1], KEYS[6], KEYS[14], KEYS[15], KEYS[16])
local replies, list, changes = {}, door(KEYS[1], KEYS[6], KEYS[7]), {}
local change_of, move_all
if #KEYS > 16 then
  -- @include now
  -- @include rate
  -- @include lane
  local gate = gate_at(8)

  -- Nil if a start in this lane needs no token.
  function change_of(number)
    local lane = lane_at(13 + 4 * number)
    local _, rates, common = rules_of(gate.limits, string.sub(lane.slots, #ARGV[1] + 7))
    if not is_rated(rates, common) then return nil end
    changes[number] = changes[number] or { lane = lane, heads = {} }
    return changes[number]
  end

  function move_all()
    for number = 1, (#KEYS - 16) / 4 do
      local change = changes[number]
      if change then
        change.ran = change.heads
        move_lane(list, gate, ARGV[1], change.lane, change)
      end
    end
  end
end

for i = #ARGV - 2, 2, -3 do
  local id, token, number = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local code, claim = 1, redis.call('HGET', KEYS[2], id)
  if not is_owner(token, claim) then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[4], id) == 1 then
    code = 2
  else
    local change = number > 0 and change_of(number)
    -- A Redis that is out of memory refuses this write before anything is removed.
    if change then
      redis.call('HSET', KEYS[2], id, claim)
      table.insert(change.heads, 1, id)
    else
      enter_first(list, id)
    end
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    publish_if_watched(KEYS[5], ARGV[1], id, 'waiting')
  end
  replies[(i + 1) / 3] = code
end
if move_all then move_all() end
return replies
