--[[
Publishes the changes of many tasks, for those that somebody watches, in the order of the ids.

Defines publish_watched(watched, prefix, ids, changes): changes[i] is the change of ids[i], nil if it did not change
]]
local function publish_watched(watched, prefix, ids, changes)
  local marks = redis.call('ZMSCORE', watched, unpack(ids))
  for i = 1, #ids do
    if marks[i] and changes[i] then redis.pcall('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
  end
end
