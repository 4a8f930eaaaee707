--[[
Publishes the change of a task, if somebody watches the task.

Defines publish_if_watched(watched, prefix, id, change)
]]
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.call('PUBLISH', prefix .. 'task:' .. id, change) end
end
