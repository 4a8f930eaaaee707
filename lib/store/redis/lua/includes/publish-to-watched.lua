--[[
Tells those who watch a task that it may be held back, or go on: up to 1,000 tasks, in the order of their ids. They
read its record.

Defines publish_to_watched(watched, prefix, change)
]]
local function publish_to_watched(watched, prefix, change)
  local ids = redis.call('ZRANGE', watched, 0, 999)
  table.sort(ids)
  for _, id in ipairs(ids) do
    redis.pcall('PUBLISH', prefix .. 'task:' .. id, change)
  end
end
