--[[
What was counted in a minute or an hour: the numbers of each task, packed. As a hash with a field for each number it
would take more than twice the memory.

Defines kept_in(key): { name = { number, ... }, ... }, empty if nothing was counted
]]
local function kept_in(key)
  local packed = redis.pcall('GET', key)
  local is_packed, kept = pcall(cmsgpack.unpack, type(packed) == 'string' and packed or '')
  return is_packed and type(kept) == 'table' and kept or {}
end
