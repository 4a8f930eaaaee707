--[[
Adds what a process counted to a minute or to an hour.

KEYS  1 m:minute or h:hour
ARGV  1 how long it is kept (ms)  2 how many names there are at most
      3 what was counted, as JSON: [[name, [number, ...]], ...]
Returns how many names there are now

Guarantee: a key is bounded, whatever processes count: a name too many is added to "other". Every key expires.
]]
-- @include history
local kept, most, count = kept_in(KEYS[1]), tonumber(ARGV[2]), 0
for _ in pairs(kept) do count = count + 1 end
for _, counted in ipairs(cjson.decode(ARGV[3])) do
  local name = counted[1]
  if not kept[name] and count >= most then name = 'other' end
  if not kept[name] then
    kept[name] = {}
    count = count + 1
  end
  for i, number in ipairs(counted[2]) do kept[name][i] = (kept[name][i] or 0) + number end
end
redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'PX', ARGV[1])
return count
