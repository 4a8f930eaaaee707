--[[
What the living workers of a queue told of themselves.

KEYS  1 workers  2 workerInfo
ARGV  1 how many at the most
Returns { worker id, what it told, ... }
]]
local time = redis.call('TIME')
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. time[1] * 1000 + math.floor(time[2] / 1000), '+inf', 'LIMIT', 0, ARGV[1])
local reply = {}
if #ids == 0 then return reply end
for i, told in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  if told then
    reply[#reply + 1] = ids[i]
    reply[#reply + 1] = told
  end
end
return reply
