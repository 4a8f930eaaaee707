--[[
The tags of a task that stays, and has other data now. See forget.lua.

Defines retag(tags, tagged, id, names, timestamp): the index has it under these tags, and under no others. names: with a
blank between them, "" or nil for none
]]
local function retag(tags, tagged, id, names, timestamp)
  local before, time = redis.call('HGET', tagged, id), string.format('%016.0f', timestamp)
  if not before and (names or '') == '' then return end
  if names and names ~= '' then redis.call('HSET', tagged, id, time .. ' ' .. names) end
  local old = string.match(before or '', '^%S+')
  for name in string.gmatch(string.sub(before or '', #(old or '') + 1), '%S+') do
    redis.call('ZREM', tags, name .. ' ' .. old .. ' ' .. id)
  end
  for name in string.gmatch(names or '', '%S+') do redis.call('ZADD', tags, 0, name .. ' ' .. time .. ' ' .. id) end
  if (names or '') == '' then redis.call('HDEL', tagged, id) end
end
