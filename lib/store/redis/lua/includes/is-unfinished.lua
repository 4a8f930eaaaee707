--[[
Whether a task has not ended: its record is there, and it is in none of the keys of ended tasks.

Defines is_unfinished(task, jobs, first): KEYS[first] and the five that follow are succeeded, failed, done:succeeded,
done:failed, done:cancelled, done:expired
]]
local function is_unfinished(task, jobs, first)
  if redis.call('HEXISTS', jobs, task) == 0 then return false end
  for i = first, first + 1 do
    if redis.call('SISMEMBER', KEYS[i], task) == 1 then return false end
  end
  for i = first + 2, first + 5 do
    if redis.call('ZSCORE', KEYS[i], task) then return false end
  end
  return true
end
