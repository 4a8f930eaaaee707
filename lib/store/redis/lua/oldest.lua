--[[
Reads the end of the record of the first waiting task that was not tried yet.

KEYS  1 waiting  2 jobs
ARGV  1 how many bytes
Returns it, "" if there is none

Cost: that of eleven short commands, however long the queue is: the 10 tasks are read that are next.
]]
local ids = redis.call('LRANGE', KEYS[1], -10, -1)
for i = #ids, 1, -1 do
  local record = redis.call('HGET', KEYS[2], ids[i])
  local tail = record and string.sub(record, -tonumber(ARGV[1])) or ''
  -- Other producers may write blanks between the marks of JSON.
  if string.find(tail, '"status"%s*:%s*"created"') then return tail end
end
return ''
