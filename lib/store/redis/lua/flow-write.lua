--[[
Writes a part of a flow that is being built, or opened again.

KEYS  1 flow  2 nodes  3 texts  4 joins  5 pending  6 edges  7 ends
ARGV  1 number of nodes  2 of texts  3 of joins  4 of edges, then nodes (name, entry), texts (name, record), joins
      (name, entry), edges ("<join> <node>")
Returns the state of the flow, "gone" if there is none, or if others have given it up. Nothing is written if it is not
being built or opened again

A node that is written is pending, and has not ended.
]]
-- @include now
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'building' and state ~= 'reopening' then
  local is_given_up = redis.call('HGET', KEYS[1], 'code') == 'FST_TASKS_FLOW_INCOMPLETE'
  return is_given_up and 'gone' or state or 'gone'
end
redis.call('HSET', KEYS[1], 'changed', now)

local at = 5
local function take(count, step)
  local taken, names = {}, {}
  for i = 0, count - 1 do
    names[i + 1] = ARGV[at + i * step]
    for k = 0, step - 1 do taken[i * step + k + 1] = ARGV[at + i * step + k] end
  end
  at = at + count * step
  return taken, names
end

local nodes, names = take(tonumber(ARGV[1]), 2)
local texts = take(tonumber(ARGV[2]), 2)
local joins = take(tonumber(ARGV[3]), 2)
local edges = take(tonumber(ARGV[4]), 1)
if #nodes > 0 then
  redis.call('HSET', KEYS[2], unpack(nodes))
  redis.call('SADD', KEYS[5], unpack(names))
  redis.call('HDEL', KEYS[7], unpack(names))
end
if #texts > 0 then redis.call('HSET', KEYS[3], unpack(texts)) end
if #joins > 0 then redis.call('HSET', KEYS[4], unpack(joins)) end
if #edges > 0 then
  local scored = {}
  for i, edge in ipairs(edges) do
    scored[2 * i - 1], scored[2 * i] = 0, edge
  end
  redis.call('ZADD', KEYS[6], unpack(scored))
end
return state
