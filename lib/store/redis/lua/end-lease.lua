--[[
Ends the lease of a worker that closes, and frees its seat. The next tick looks for claims that it did not settle.

KEYS  1 leases  2 floors  3 timekeepers  4 lastClaims
ARGV  1 worker id
Returns nothing
]]
redis.call('ZADD', KEYS[1], -1000000, ARGV[1])
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1] .. ' now', ARGV[1] .. ' wait')
