--[[
The status in the text of a record. Mostly its end says it, which is much quicker than to decode all of it: there is no
brace between the status and the brace that closes the record.

Defines status_of(record): "" if the text is no record
]]
-- @include decode
local function status_of(record)
  if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
  local at_end = string.match(string.sub(record, -300), '^.*,"status":"(%a+)"[^{}%[%]]*}$')
  if at_end then return at_end end
  local value = decode(record)
  local status = type(value) == 'table' and value.status
  return type(status) == 'string' and status or ''
end
