--[[
The only way into the list of waiting tasks. Workers take from the right end.

Defines enter(waiting, ids): behind the others, the first id first. enter_first(waiting, id): the next to be taken
]]
local function enter(waiting, ids)
  for from = 1, #ids, 1000 do
    redis.call('LPUSH', waiting, unpack(ids, from, math.min(from + 999, #ids)))
  end
end

local function enter_first(waiting, id)
  redis.call('RPUSH', waiting, id)
end
