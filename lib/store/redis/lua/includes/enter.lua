--[[
The only way into the list of waiting tasks. Workers take from the right end.

Defines enter(waiting, ids): behind the others, the first id first. Returns the new length of the list.
enter_first(waiting, id): the next to be taken
]]
local function enter(waiting, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', waiting, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end

local function enter_first(waiting, id)
  redis.call('RPUSH', waiting, id)
end
