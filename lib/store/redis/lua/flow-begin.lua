--[[
Begins a flow: its record, which is in no list, and its state.

KEYS  1 jobs  2 flows  3 flowList  4 flow  5 nodes  6 texts  7 joins  8 pending  9 open  10 edges  11 todo  12 ends
      13 unwritten
ARGV  1 id  2 record without its end  3 ttl of the record (ms)  4 longest life (ms)  5 "1" to cancel all if one fails
      6 the time by which its members must have started, "" for none  7 entry of the node "finally", "" for none
      8 record of that node  9 when somebody has to look at it, in ms from now, "" if it is left alone
      10 the time at which it starts, 0 for now
Returns 1 done, 0 the id is taken

Guarantee: a flow that is never sealed is cancelled by the sweep.
]]
-- @include now
local id = ARGV[1]
if redis.call('HEXISTS', KEYS[1], id) == 1 or redis.call('ZSCORE', KEYS[2], id) then return 0 end
redis.call('HSET', KEYS[1], id, ARGV[2] .. ',"status":"created","progress":null}')
for i = 4, 13 do redis.call('UNLINK', KEYS[i]) end -- of an earlier flow with this id
local start = math.max(now, tonumber(ARGV[10]))
local deadline = string.format('%.0f', start + ARGV[4])
redis.call('HSET', KEYS[4], 'state', 'building', 'record', ARGV[2], 'ttl', ARGV[3], 'life', ARGV[4],
  'deadline', deadline, 'failFast', ARGV[5], 'expires', ARGV[6], 'final', ARGV[7] == '' and '0' or '1',
  'started', string.format('%.0f', start), 'changed', now, 'attempt', 1)
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[5], 'finally', ARGV[7])
  redis.call('HSET', KEYS[6], 'finally', ARGV[8])
end
redis.call('ZADD', KEYS[2], ARGV[9] == '' and deadline or now + ARGV[9], id)
redis.call('ZADD', KEYS[3], now, id)
return 1
