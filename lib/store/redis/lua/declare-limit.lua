--[[
Declares the limit and the rates of a task, as a process has them in its code.

KEYS  1 limits
ARGV  1 name of the task  2 limit  3 when the process started, ms since 1970
      4 rates, as "10:1000 600:60000": tasks and ms of each
Returns 1 if it is in force now, 0 if a process that started later has declared another

Guarantee: the newest process wins. A limit that was set at run time stays before it.
]]
-- @include now
local at = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', ' (%d+)$') or 0)
if at > tonumber(ARGV[3]) and at <= now then return 0 end -- later than now: the clock was set back
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], '~' .. ARGV[1], ARGV[4])
else
  redis.call('HDEL', KEYS[1], '~' .. ARGV[1])
end
return 1
