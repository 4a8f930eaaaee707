--[[
Moves ids from a list to the end of another, the oldest first. To be included after push.

Defines move_oldest(from, to, count)
]]
local function move_oldest(from, to, count)
  local ids, oldest_first = redis.call('LRANGE', from, -count, -1), {}
  for i = #ids, 1, -1 do oldest_first[#oldest_first + 1] = ids[i] end
  push(to, oldest_first)
  if #ids > 0 then redis.call('LTRIM', from, 0, -#ids - 1) end
end
