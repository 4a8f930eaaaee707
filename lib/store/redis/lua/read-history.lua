--[[
Reads what was counted in some minutes or hours.

KEYS  1 and more: m:minute or h:hour
ARGV  1 how many keys there are
Returns for each key what was counted, as JSON: { name: [number, ...], ... }, or "" if nothing was
]]
-- @include history
local replies = {}
for i = 1, tonumber(ARGV[1]) do
  local kept = kept_in(KEYS[i])
  replies[i] = next(kept) and cjson.encode(kept) or ''
end
return replies
