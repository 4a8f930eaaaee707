--[[
Renews the claims of a worker.

KEYS  1 claims  2 stalling  3 cancelling
ARGV  1 lease (ms), then for each task: id, claim token
Returns for each task: 1 renewed, 0 the claim is not the token's, 2 renewed, and a cancel was requested

Guarantee: for the length of the lease a renewed task does not count as stalled, neither for our workers nor for the
stall check of a plain Bee-Queue (stalling).
]]
-- @include now
-- @include claim
-- @include owner
local lease_end = now + ARGV[1]
local replies = {}
for i = 2, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[1], id)
  if is_owner(token, claim) then
    local claimed_at = string.match(claim, ' (%d+)') or '0'
    redis.call('HSET', KEYS[1], id, to_claim(token, claimed_at, lease_end))
    redis.call('SREM', KEYS[2], id)
    replies[#replies + 1] = redis.call('SISMEMBER', KEYS[3], id) == 1 and 2 or 1
  else
    replies[#replies + 1] = 0
  end
end
return replies
