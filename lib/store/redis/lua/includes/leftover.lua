--[[
Ids in waiting that are not to run. In a long list the search for an id costs too much: there it stays, and is counted
in leftovers (id -> how often, "" -> the sum). Who takes it from the list drops it.

Defines unqueue(waiting, leftovers, id): the id must be in waiting. drop_leftover(leftovers, id): it was taken out
]]
local function unqueue(waiting, leftovers, id)
  if redis.call('LLEN', waiting) <= 1000 then
    redis.call('LREM', waiting, 0, id)
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
