--[[
Looks up claims.

KEYS  1 claims  2 cancelling
ARGV  1 id, 2 claim token, and so on for each task
Returns for each task: 1 the claim is the token's, 0 it is not, 2 it is, and a cancel was requested
]]
-- @include owner
local replies = {}
for i = 1, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local code = 0
  if is_owner(token, redis.call('HGET', KEYS[1], id)) then
    code = redis.call('SISMEMBER', KEYS[2], id) == 1 and 2 or 1
  end
  replies[#replies + 1] = code
end
return replies
