--[[
Writes a part of a flow that is being built, or opened again.

KEYS  1 flow  2 nodes  3 texts  4 joins  5 pending  6 ends  7 edges
ARGV  1 number of nodes  2 of texts  3 of joins  4 of edges, then nodes (name, entry), texts (name, record), joins
      (name, entry), edges (join, the names of the nodes that it waits for, each with a blank behind it; "": those that
      are known)
Returns the state of the flow, "gone" if there is none, or if others have given it up. If it is not being built or
opened again, a member has failed meanwhile, or the flow was cancelled: then only records are written, for a retry, and
for the question who may see it

A node that is written is pending, and has not ended.
]]
-- @include now
local state = redis.call('HGET', KEYS[1], 'state')
local is_given_up = redis.call('HGET', KEYS[1], 'code') == 'FST_TASKS_FLOW_INCOMPLETE'
local is_built = state == 'building' or state == 'reopening'
if not is_built and (not state or is_given_up) then return 'gone' end
if is_built then redis.call('HSET', KEYS[1], 'changed', now) end

local at = 5
-- From where to where the arguments of so many entries are.
local function take(count, step)
  local first = at
  at = at + count * step
  return first, at - 1
end

local function write(key, first, last)
  if last >= first then redis.call('HSET', key, unpack(ARGV, first, last)) end
end

local first, last = take(tonumber(ARGV[1]), 2)
if not is_built then
  write(KEYS[3], take(tonumber(ARGV[2]), 2))
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then redis.call('PEXPIRE', KEYS[3], left) end
  return state
end
write(KEYS[2], first, last)
local names = {}
for i = first, last, 2 do names[#names + 1] = ARGV[i] end
if #names > 0 then redis.call('SADD', KEYS[5], unpack(names)) end
if #names > 0 and redis.call('EXISTS', KEYS[6]) == 1 then redis.call('HDEL', KEYS[6], unpack(names)) end
write(KEYS[3], take(tonumber(ARGV[2]), 2))
write(KEYS[4], take(tonumber(ARGV[3]), 2))
first, last = take(tonumber(ARGV[4]), 2)
for i = first, last, 2 do
  local join, before = ARGV[i], ARGV[i + 1]
  if before ~= '' then redis.call('HSET', KEYS[7], join, before) end
  redis.call('HDEL', KEYS[7], '@' .. join, '!' .. join) -- it is looked at from its first node
end
return state
