--[[
Settles a batch of attempts and claims tasks in one step. Tasks that get the slots of those that have ended go to the
worker that ended them: nobody is woken for them, and no slot is free for longer than this call takes.

KEYS  1 the first key of settle: more follow, then those of claim
ARGV  1 number of keys of settle  2 number of its arguments, which follow; then those of claim
Returns { what settle returns, what claim returns, or its error as a text }

Guarantees:
1. Those of both scripts. settle is the first: if it is refused, all stays as it is.
2. An error of claim does not undo what was settled, and does not hide it.
]]
local function settle (KEYS, ARGV)
  return SETTLE
end

local function claim (KEYS, ARGV)
  return CLAIM
end

local function slice(list, from, to)
  local part = {}
  for i = from, to do part[i - from + 1] = list[i] end
  return part
end

local keys, args = tonumber(ARGV[1]), 2 + tonumber(ARGV[2])
local settled = settle(slice(KEYS, 1, keys), slice(ARGV, 3, args))
local done, claimed = pcall(claim, slice(KEYS, keys + 1, #KEYS), slice(ARGV, args + 1, #ARGV))
if not done then claimed = tostring(type(claimed) == 'table' and claimed.err or claimed) end
return { settled, claimed }
