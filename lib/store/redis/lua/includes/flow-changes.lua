--[[
The part of flow-step.lua for what callers change.

Defines add_node(node, entry, record, parent, its generation, most), reopen(record), forget(), remove(): see
flow-step.lua
]]
-- A member that is added expires with the flow, as the others, unless it has a time of its own: see member.ts.
local function with_expiry(record)
  local expires = redis.call('HGET', KEYS[6], 'expires') or ''
  if expires == '' then return record end
  return (string.gsub(record, '^(%[[^,]*,[^,]*),null,null%]', '%1,null,' .. expires .. ']'))
end

local function add_node(node, entry, record, parent, generation, most)
  local current, _, joins = read_node(parent)
  if redis.call('HEXISTS', KEYS[7], node) == 1 then return 0 end
  local is_open = current == generation and redis.call('SISMEMBER', KEYS[9], parent) == 1
  if not is_open or (state ~= 'running' and state ~= 'building') then return -1 end
  local others = redis.call('HEXISTS', KEYS[7], 'finally') -- counts for none
  if redis.call('HLEN', KEYS[7]) - others >= most then return 3 end
  redis.call('HSET', KEYS[7], node, (string.gsub(entry, '^(%d+ [01]) %S+', '%1 ' .. joins)))
  redis.call('HSET', KEYS[14], node, with_expiry(record))
  redis.call('SADD', KEYS[9], node)
  redis.call('SADD', KEYS[12], 'N' .. node)
  for join in string.gmatch(joins, '[^,-]+') do
    local before = redis.call('HGET', KEYS[11], join) or parent .. ' '
    redis.call('HSET', KEYS[11], join, before .. node .. ' ')
    local added = redis.call('HGET', KEYS[8], '+' .. join)
    redis.call('HSET', KEYS[8], '+' .. join, (added and added .. ',' or '') .. node)
  end
  entries[#entries + 1] = 'N' .. node
  moved = 1
  return 1
end

local OURS = { 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }

local function reopen(record)
  if state == 'reopening' then return 1 end
  if state ~= 'ended' or redis.call('HGET', KEYS[6], 'cause') ~= 'failed' then return -1 end
  redis.call('HSET', KEYS[1], id, record .. ',"status":"created","progress":null}')
  set_state('reopening')
  redis.call('HDEL', KEYS[6], 'cause', 'code', 'message', 'finished', 'skips', 'released', 'expires')
  redis.call('HINCRBY', KEYS[6], 'attempt', 1)
  redis.call('HSET', KEYS[6], 'deadline', string.format('%.0f', now + redis.call('HGET', KEYS[6], 'life')))
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], 'NX', now, id)
  for _, i in ipairs(OURS) do redis.call('PERSIST', KEYS[i]) end
  redis.call('ZADD', KEYS[3], now, id)
  moved = 1
  return 1
end

-- Its members have their own expiry by now. What a retry needs stays as long as the record, and so do the texts: the
-- data of the members says who may see the flow.
local function forget()
  if state ~= 'ended' then return end
  local ttl = tonumber(redis.call('HGET', KEYS[6], 'ttl'))
  local succeeded = not redis.call('HGET', KEYS[6], 'cause')
  redis.call('HSET', KEYS[6], 'released', 1)
  for _, i in ipairs(OURS) do
    if ttl <= 0 or (succeeded and i > 9 and i < 13) then
      redis.call('UNLINK', KEYS[i])
    else
      redis.call('PEXPIRE', KEYS[i], ttl)
    end
  end
  if ttl <= 0 then redis.call('ZREM', KEYS[5], id) end
  redis.call('ZREM', KEYS[3], id)
end

-- What its members are is gone with it: they are released before.
local function remove()
  if state ~= 'ended' then return -1 end
  if redis.call('HEXISTS', KEYS[6], 'released') == 0 then return 2 end
  redis.call('HDEL', KEYS[1], id)
  for i = 3, 5 do redis.call('ZREM', KEYS[i], id) end
  for _, i in ipairs(OURS) do redis.call('UNLINK', KEYS[i]) end
  return 1
end
