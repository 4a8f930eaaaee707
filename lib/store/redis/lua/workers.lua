--[[
Lists the living workers of a queue, with their last reports.

KEYS  1 workers  2 workerInfo
ARGV  1 how many at most
Returns { worker id, report, ... }
]]
-- @include now
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, ARGV[1])
local reply = {}
if #ids == 0 then return reply end
for i, report in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  if report then
    reply[#reply + 1] = ids[i]
    reply[#reply + 1] = report
  end
end
return reply
