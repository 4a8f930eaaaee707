--[[
Ids in waiting that are not to run. In long lists the search for an id costs too much: there it stays, and is counted
in leftovers (id -> how often, "" -> the sum). Who takes it from the list drops it.

Defines unqueue(leftovers, ids, lists): each id is in one of the lists.
drop_leftover(leftovers, id): it was taken out
]]
local function unqueue(leftovers, ids, lists)
  if #ids == 0 then return end
  local filled, size = {}, 0
  for _, list in ipairs(lists) do
    local length = redis.call('LLEN', list)
    if length > 0 then filled[#filled + 1] = list end
    size = size + length
  end
  if size > 1000 then
    for _, id in ipairs(ids) do redis.call('HINCRBY', leftovers, id, 1) end
    redis.call('HINCRBY', leftovers, '', #ids)
    return
  end
  for _, list in ipairs(filled) do
    for _, id in ipairs(ids) do redis.call('LREM', list, 0, id) end
  end
end

local function drop_leftover(leftovers, id)
  if redis.call('HEXISTS', leftovers, id) == 0 then return end
  if redis.call('HINCRBY', leftovers, id, -1) <= 0 then redis.call('HDEL', leftovers, id) end
  redis.call('HINCRBY', leftovers, '', -1)
end
