--[[
Tells who watches tasks that they are gone.

Defines publish_removed(watched, prefix, ids)
]]
local function publish_removed(watched, prefix, ids)
  if #ids == 0 or redis.call('EXISTS', watched) == 0 then return end
  -- @include publish-many
  local changes = {}
  for i = 1, #ids do changes[i] = 'removed' end
  publish_watched(watched, prefix, ids, changes)
end
