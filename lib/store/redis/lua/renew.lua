--[[
Renews the lease of a worker: none of its claims is taken back before the lease expires.

KEYS  1 leases  2 tick  3 floors  4 cancelling  5 lastClaims
ARGV  1 worker id  2 number of its oldest claim that is not settled
Returns { 1 if the lease was in force, 0 if it had expired: claims may have been taken back,
          1 if cancels were requested, of whatever tasks, else 0 }
]]
-- @include lease
-- A Redis that is out of memory refuses a script's first write if that adds something. This one only removes, so that
-- leases are renewed all the same.
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
local kept = renew_lease(KEYS[1], KEYS[2], ARGV[1])
for i = 1, 5, 2 do redis.call('PEXPIRE', KEYS[i], 86400000) end -- if no worker comes again
return { kept and 1 or 0, redis.call('EXISTS', KEYS[4]) }
