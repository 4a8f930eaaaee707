--[[
Tasks that are enqueued once for a key. unique: key -> "<until> <id>", the task of the key, and until when it counts
after the task has ended (ms since 1970). keyed: id -> key. rerun: id -> the task that follows when this one has ended.

Defines id_of(value): the id in a value of unique, and until when it counts
end_keyed(keys, prefix, id, key, counts): the task of the key has ended. Starts the task that follows it, or frees the
key, if it does not count any longer. keys: unique, keyed, rerun, jobs, delayed, laned, large, levels, tags, tagged. To
be included after now, large and retag.
]]
local function id_of(value)
  local till, id = string.match(value or '', '^(%d+) (.*)$')
  return id, tonumber(till or 0)
end

-- It is delayed until now: who queues due tasks looks at pauses and limits. An id of the caller's own may be that of
-- another task by now: then it gets the first free one of "<id>-2", "<id>-3" and so on. False if it cannot be read.
local function start_rerun(keys, prefix, key, packed)
  local is_packed, task = pcall(cmsgpack.unpack, packed)
  if not is_packed or type(task) ~= 'table' then return false end
  local own, number = task.id, 1
  while redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 do
    number = number + 1
    task.id = own .. '-' .. number
  end
  if #task.record >= LARGE then mark_large(keys.large) end
  redis.call('HSET', keys.unique, key, '0 ' .. task.id)
  redis.call('HSET', keys.keyed, task.id, key)
  retag(keys.tags, keys.tagged, task.id, task.tags, tonumber(task.timestamp) or now)
  if task.level ~= '' then redis.call('HSET', keys.levels, task.id, task.level) end
  if task.lane ~= '' then redis.call('HSET', keys.laned, task.id, task.lane) end
  local due = string.format('%.0f', math.max(now, tonumber(task.due) or 0))
  redis.call('ZADD', keys.delayed, due, task.id)
  redis.pcall('PUBLISH', prefix .. 'earlierDelayed', due)
  return true
end

local function end_keyed(keys, prefix, id, key, counts)
  local standing, till = id_of(redis.call('HGET', keys.unique, key))
  if standing == id and counts and till > now then return end
  local packed = redis.call('HGET', keys.rerun, id)
  local goes_on = standing == id and packed and start_rerun(keys, prefix, key, packed)
  if standing == id and not goes_on then redis.call('HDEL', keys.unique, key) end
  if packed then redis.call('HDEL', keys.rerun, id) end
  redis.call('HDEL', keys.keyed, id)
end
