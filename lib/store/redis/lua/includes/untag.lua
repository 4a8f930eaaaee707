--[[
The index of tags: `tags` is a sorted set of "<tag> <time> <id>", in the order of these texts; `tagged` has the entry of
each id, "<time> <tag> <tag> ...".

Defines untag(tags, tagged, ids): takes ids out of the index. Those that are not in it cost nothing more
]]
local function untag(tags, tagged, ids)
  if #ids == 0 or redis.call('EXISTS', tagged) == 0 then return end
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
  if #known == 0 then return end
  for from = 1, #members, 1000 do
    redis.call('ZREM', tags, unpack(members, from, math.min(from + 999, #members)))
  end
  redis.call('HDEL', tagged, unpack(known))
end
