--[[
Ids in waiting that are not to run. In long lists the search for an id costs too much: there it stays, and is counted
in leftovers (id -> how often, "" -> the sum). Who takes it from the list drops it.

Defines unqueue(leftovers, id, ...): the id is in one of the lists that follow.
drop_leftover(leftovers, id): it was taken out
]]
local function unqueue(leftovers, id, ...)
  local lists, size = { ... }, 0
  for _, list in ipairs(lists) do size = size + redis.call('LLEN', list) end
  if size <= 1000 then
    for _, list in ipairs(lists) do redis.call('LREM', list, 0, id) end
  else
    redis.call('HINCRBY', leftovers, id, 1)
    redis.call('HINCRBY', leftovers, '', 1)
  end
end

local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
