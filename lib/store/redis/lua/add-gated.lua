--[[
Stores new tasks that have a limit, or a level. As add, but a task with a limit enters waiting only if its lane has a
free slot.

KEYS  1 jobs  2 waiting  3 delayed  4 claims  5 stalls  6 progress  7 cancelling  8 succeeded  9 failed
      10 done:succeeded  11 done:failed  12 done:cancelled  13 done:expired  14 large  15 parked  16 paused
      17 gated  18 laned  19 lanes  20 limits  21 closed  22 crowded  23 high  24 low  25 levels
ARGV  1 prefix of keys and channels  2 "1" if the ids are the caller's own, then for each task: id, record, due time (ms
      since 1970, "" for at once), number of its lane (0: none), level (h | l, "" for normal)
Returns for each task: 1 stored, 0 the id is taken

More keys: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantees: as add. The task, and its slot or its place in the list of its lane, are one step.
]]
-- @include now
-- @include enter
-- @include door
-- @include leave
-- @include large
-- @include rate
-- @include lane
use_levels(KEYS[2], KEYS[15], KEYS[23], KEYS[24], KEYS[25])
local gate, lanes, free, replies, stored, earlier = gate_at(17), {}, {}, {}, {}, nil
local waiting = door(KEYS[2], KEYS[15], KEYS[16])
for i = 3, #ARGV, 5 do
  local id, record, due, number = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local level = ARGV[i + 4]
  local is_new = redis.call('HSETNX', KEYS[1], id, record)
  replies[#replies + 1] = is_new
  if is_new == 1 then
    stored[#stored + 1] = id
    if #record >= LARGE then mark_large(KEYS[14]) end
    if ARGV[2] == '1' then
      leave(3, { id })
      redis.call('HDEL', KEYS[18], id)
      redis.call('HDEL', KEYS[25], id)
    end
    if level ~= '' then redis.call('HSET', KEYS[25], id, level) end
    if due == '' and number == 0 then
      free[#free + 1] = id
    elseif due == '' then
      lanes[number] = lanes[number] or {}
      table.insert(lanes[number], id)
    else
      redis.call('ZADD', KEYS[3], due, id)
      if number > 0 then redis.call('HSET', KEYS[18], id, string.sub(KEYS[22 + 4 * number], #ARGV[1] + 7)) end
      if not earlier or tonumber(due) < tonumber(earlier) then earlier = due end
    end
  end
end
enter(waiting, free)
for number, ids in pairs(lanes) do
  local gone = ARGV[2] == '1' and ids or nil
  move_lane(waiting, gate, ARGV[1], lane_at(22 + 4 * number), { arrivals = ids, gone = gone, ran = gone })
end
if earlier then redis.pcall('PUBLISH', ARGV[1] .. 'earlierDelayed', earlier) end
return replies
