--[[
Ids enter a list, the first id first. Workers take from the right end.

Defines push(list, ids): returns the new length of the list. Any number of ids

Cost: little. Scripts that know that no task among the ids is high or low need no more: see enter.lua.
]]
local function push(list, ids)
  local length
  for from = 1, #ids, 1000 do
    length = redis.call('LPUSH', list, unpack(ids, from, math.min(from + 999, #ids)))
  end
  return length
end
