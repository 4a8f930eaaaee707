--[[
Adds lines to the log of a task, and drops the oldest if they are too many.

KEYS  1 jobs  2 logs  3 logged
ARGV  1 id  2 how many bytes are kept at most  3 the lines
Returns 1, 0 if there is no such task

Guarantee: what is stored of a log is bounded: by its bytes, and by 500 calls of this script.
]]
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local id, most = ARGV[1], tonumber(ARGV[2])
local first, last, bytes = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%d+) (%d+) (%d+)$')
first, last, bytes = tonumber(first or 0), tonumber(last or 0), tonumber(bytes or 0)
redis.call('HSET', KEYS[2], id .. ' ' .. last, ARGV[3])
last, bytes = last + 1, bytes + #ARGV[3]
local dropped = {}
while first < last - 1 and (bytes > most or last - first > 500) do
  local field = id .. ' ' .. first
  bytes, first = bytes - redis.call('HSTRLEN', KEYS[2], field), first + 1
  dropped[#dropped + 1] = field
end
redis.call('HSET', KEYS[3], id, string.format('%.0f %.0f %.0f', first, last, bytes))
if #dropped > 0 then redis.call('HDEL', KEYS[2], unpack(dropped)) end
return 1
