--[[
The only way into the lists of waiting tasks. Workers take from the right end.

Defines enter(list, ids): behind the others, the first id first. Returns the new length of the list.
enter_first(list, id): the next to be taken
use_levels(waiting, parked, high, low, levels): from now on, ids of high and low tasks that enter waiting or parked go
to the lists high and low instead. A pause leaves those where they are: no claim takes from them meanwhile.
And what push and wake define
]]
local leveled

local function use_levels(waiting, parked, high, low, levels)
  leveled = { waiting = waiting, parked = parked, high = high, low = low, levels = levels }
end

-- @include wake

local function is_leveled(list)
  return leveled and (list == leveled.waiting or list == leveled.parked) and redis.call('EXISTS', leveled.levels) == 1
end

-- @include push

local function enter(list, ids)
  if #ids == 0 or not is_leveled(list) then return push(list, ids) end
  local parts = { h = {}, l = {}, n = {} }
  for from = 1, #ids, 1000 do
    local page = { unpack(ids, from, math.min(from + 999, #ids)) }
    local levels = redis.call('HMGET', leveled.levels, unpack(page))
    for i, id in ipairs(page) do
      local part = parts[levels[i] or 'n'] or parts.n
      part[#part + 1] = id
    end
  end
  push(list, parts.n)
  push(leveled.high, parts.h)
  push(leveled.low, parts.l)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end

local function enter_first(list, id)
  if not is_leveled(list) then return redis.call('RPUSH', list, id) end
  local level = redis.call('HGET', leveled.levels, id)
  redis.call('RPUSH', level == 'h' and leveled.high or level == 'l' and leveled.low or list, id)
  if list == leveled.waiting then wake(list, leveled.high, leveled.low) end
end
