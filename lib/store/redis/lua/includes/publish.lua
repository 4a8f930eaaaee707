--[[
Publishes the change of a task, if somebody watches the task. A message is a hint: one that Redis refuses (a user
without the right to the channel) must not fail what was written.

Defines publish_if_watched(watched, prefix, id, change)
]]
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.pcall('PUBLISH', prefix .. 'task:' .. id, change) end
end
