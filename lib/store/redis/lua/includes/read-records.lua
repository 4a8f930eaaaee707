--[[
Reads records, the last id first, until they are too many bytes for one call: Redis needs 2.4 ms for 1 MiB.

Defines read_last_records(jobs, ids): { records by the index of their id }, the index of the first id that was read
]]
local function read_last_records(jobs, ids)
  local records, bytes, first = {}, 0, #ids + 1
  while first > 1 and bytes < 524288 do
    local from = math.max(1, first - 2)
    local read = redis.call('HMGET', jobs, unpack(ids, from, first - 1))
    for i = 1, first - from do
      records[from + i - 1] = read[i]
      if read[i] then bytes = bytes + #read[i] end
    end
    first = from
  end
  return records, first
end
