--[[
Reads one page of a sorted set of ids, the highest score first, and equal scores from the last id to the first.

KEYS  1 sorted set (delayed, done:*)
ARGV  1 score of the last id of the page before, "" for the first page  2 that id  3 how many ids at most
Returns { id, score, id, score, ... }

Guarantee: the page goes on behind that id, whether it is still there or not.
Cost: that of the page. If the id is gone, some looks at ids with the same score.
]]
local key, score, after, limit = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

-- By bytes, as Redis orders members. Lua compares by the locale.
local function is_before(id, other)
  for i = 1, math.min(#id, #other) do
    local one, two = string.byte(id, i), string.byte(other, i)
    if one ~= two then return one < two end
  end
  return #id < #other
end

-- The index of the first id behind the last one, among those with its score and below.
local function index_after()
  local low = redis.call('ZCOUNT', key, '(' .. score, '+inf')
  local high = low + redis.call('ZCOUNT', key, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_before(redis.call('ZREVRANGE', key, middle, middle)[1], after) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local first = score == '' and 0 or index_after()
return redis.call('ZREVRANGE', key, first, first + limit - 1, 'WITHSCORES')
