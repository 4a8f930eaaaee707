--[[
The part of flow-step.lua that starts joins and nodes.

Defines start_join(join), start_written(join): what the caller has to carry out is added to entries. on_written(join):
the records of its nodes are written. start_node(node)
]]
-- Those of so many names that are in a set, each once.
local function found_in(key, names)
  local found, seen = {}, {}
  for i, is in ipairs(redis.call('SMISMEMBER', key, unpack(names))) do
    if is == 1 and not seen[names[i]] then
      seen[names[i]] = true
      found[#found + 1] = names[i]
    end
  end
  return found
end

-- Moves the nodes of a join from pending to open.
local function start_join(join)
  local targets = {}
  for node in string.gmatch(string.match(redis.call('HGET', KEYS[8], join) or '', '^(%S+)') or '', '[^,]+') do
    targets[#targets + 1] = node
  end
  local started = #targets > 0 and found_in(KEYS[10], targets) or targets
  if #started == 0 then return end
  redis.call('SREM', KEYS[10], unpack(started))
  redis.call('SADD', KEYS[9], unpack(started))
  local entry = (state == 'building' and 'W' or 'J') .. join
  redis.call('SADD', KEYS[12], entry)
  -- In a set of their own too, so that a seal finds some of them at a time.
  if state == 'building' then redis.call('SADD', KEYS[15], join) else entries[#entries + 1] = entry end
end

-- The records of the nodes of a join are written.
local function on_written(join)
  if redis.call('SREM', KEYS[12], 'W' .. join) == 0 then return end
  redis.call('SREM', KEYS[15], join)
  redis.call('SADD', KEYS[12], 'J' .. join)
  entries[#entries + 1] = 'J' .. join
end

local function start_written(join)
  if state ~= 'running' and state ~= 'building' then return end
  start_join(join)
  on_written(join)
end

-- A node that is in no join.
local function start_node(node)
  if state ~= 'running' or redis.call('SREM', KEYS[10], node) == 0 then return end
  redis.call('SADD', KEYS[9], node)
  redis.call('SADD', KEYS[12], 'N' .. node)
  entries[#entries + 1] = 'N' .. node
end
