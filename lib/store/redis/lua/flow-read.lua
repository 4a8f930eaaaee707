--[[
Reads how far a flow is.

KEYS  1 flow  2 nodes  3 open  4 pending  5 todo
ARGV  1 how many entries of todo at most
Returns false, or { state, final, started, changed, deadline, cause, code, attempt, now (ms), number of nodes, of open
      nodes, of pending nodes, entries of todo ... }
]]
local found = redis.call('HMGET', KEYS[1], 'state', 'final', 'started', 'changed', 'deadline', 'cause', 'code',
  'attempt')
if not found[1] then return false end
for i = 2, 8 do found[i] = found[i] or '' end
-- @include now
found[9] = now
for i = 2, 4 do found[i + 8] = redis.call(i == 2 and 'HLEN' or 'SCARD', KEYS[i]) end
for _, entry in ipairs(redis.call('SRANDMEMBER', KEYS[5], ARGV[1])) do found[#found + 1] = entry end
return found
