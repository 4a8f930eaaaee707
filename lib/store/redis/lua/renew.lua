--[[
Renews the claims that a worker holds.

KEYS  1 claims  2 stalling  3 cancelling
ARGV  1 lease (ms), then for each task: id, claim token
Returns for each task: 1 renewed, 0 the claim was lost, 2 renewed, and a cancel was asked for

Guarantee: a renewed task is not taken for stalled, by us or by a plain Bee-Queue worker's stall check (stalling),
for the length of the lease.
]]
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local replies = {}
for i = 2, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[1], id)
  if claim and string.sub(claim, 1, #token + 1) == token .. ' ' then
    local since = string.match(claim, ' (%d+)') or '0'
    redis.call('HSET', KEYS[1], id, string.format('%-80s', string.format('%s %s %.0f', token, since, till)))
    redis.call('SREM', KEYS[2], id)
    replies[#replies + 1] = redis.call('SISMEMBER', KEYS[3], id) == 1 and 2 or 1
  else
    replies[#replies + 1] = 0
  end
end
return replies
