--[[
The sizes of records and of live progress, to read no more of them than one reply may hold.

KEYS  1 jobs  2 progress
ARGV  1 and more: ids
Returns for each: the bytes of its record, 0 if there is none, and those of its progress
]]
local sizes = {}
local has_progress = redis.call('EXISTS', KEYS[2]) == 1
for i = 1, #ARGV do
  sizes[2 * i - 1] = redis.call('HSTRLEN', KEYS[1], ARGV[i])
  sizes[2 * i] = has_progress and redis.call('HSTRLEN', KEYS[2], ARGV[i]) or 0
end
return sizes
