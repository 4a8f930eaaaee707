--[[
The sizes of records, to read no more of them than one reply may hold.

KEYS  1 jobs
ARGV  1 and more: ids
Returns for each: its bytes, 0 if there is no record
]]
local sizes = {}
for i = 1, #ARGV do sizes[i] = redis.call('HSTRLEN', KEYS[1], ARGV[i]) end
return sizes
