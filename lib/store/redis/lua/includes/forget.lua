--[[
What is stored of a task beside its record and its state, and dies with the record:
tags     sorted set of "<tag> <time> <id>", in the order of these texts
tagged   hash, id -> its entries there, "<time> <tag> <tag> ..."
logs     hash, "<id> <number>" -> lines of its log
logged   hash, id -> its fields there, "<first number> <next number> <bytes>"
heads    hash, id -> "<bytes of its record> <the record without data and result>", if it is large

Defines forget(first, ids): KEYS[first] and the four behind it are tags, tagged, logs, logged, heads
]]
local function forget_tags(tags, tagged, ids)
  local entries, known, members = redis.call('HMGET', tagged, unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    if entries[i] then
      known[#known + 1] = id
      local time
      for word in string.gmatch(entries[i], '%S+') do
        if time then members[#members + 1] = word .. ' ' .. time .. ' ' .. id end
        time = time or word
      end
    end
  end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  if #known > 0 then redis.call('HDEL', tagged, unpack(known)) end
end

local function forget_logs(logs, logged, ids)
  local entries = redis.call('HMGET', logged, unpack(ids))
  for i, id in ipairs(ids) do
    local first, last = string.match(entries[i] or '', '^(%d+) (%d+) ')
    local fields = {}
    for number = tonumber(first or 1), tonumber(last or 0) - 1 do fields[#fields + 1] = id .. ' ' .. number end
    if #fields > 0 then redis.call('HDEL', logs, unpack(fields)) end
    if entries[i] then redis.call('HDEL', logged, id) end
  end
end

local function forget(first, ids)
  if #ids == 0 or redis.call('EXISTS', KEYS[first + 1], KEYS[first + 3], KEYS[first + 4]) == 0 then return end
  forget_tags(KEYS[first], KEYS[first + 1], ids)
  forget_logs(KEYS[first + 2], KEYS[first + 3], ids)
  redis.call('HDEL', KEYS[first + 4], unpack(ids))
end
