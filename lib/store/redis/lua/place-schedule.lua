--[[
Says in which queue a schedule is. It is in one queue only; this key is in a slot of its own.

KEYS  1 schedules of all queues
ARGV  1 id  2 "place" | "settle" | "forget"  3 queue for "place", else the epoch
Returns the entry: "<epoch> <queue> <queues that it is to leave>...", "" if there is none

Guarantee: each move has a higher epoch than the one before. Whoever sets a schedule in a queue, or takes it out of one,
passes its epoch there: the queue refuses an older one. So of two that move a schedule at the same time one wins, in
whatever order their calls arrive.
]]
-- @include now
local id, action = ARGV[1], ARGV[2]
local entry = redis.call('HGET', KEYS[1], id)
local epoch, queue, rest = string.match(entry or '', '^(%d+) (%S+)(.*)$')
if action == 'forget' then
  if epoch == ARGV[3] then redis.call('HDEL', KEYS[1], id) end
  return entry or ''
elseif action == 'settle' then
  if epoch ~= ARGV[3] then return entry or '' end
  entry = epoch .. ' ' .. queue
elseif queue == ARGV[3] then
  return entry
else
  local leaves = queue and (' ' .. queue) or ''
  for other in string.gmatch(rest or '', '%S+') do
    if other ~= ARGV[3] then leaves = leaves .. ' ' .. other end
  end
  entry = string.format('%.0f %s%s', math.max(now, (tonumber(epoch) or 0) + 1), ARGV[3], leaves)
end
redis.call('HSET', KEYS[1], id, entry)
return entry
