--[[
The status in the text of a record. Most records that are asked for end as Bee-Queue and we write new ones, which is
recognised without reading the rest.

Defines status_of(record): "" if the text is no record
]]
local function status_of(record)
  if string.sub(record, -36) == ',"status":"created","progress":null}' then return 'created' end
  local is_json, value = pcall(cjson.decode, record)
  local status = is_json and type(value) == 'table' and value.status
  return type(status) == 'string' and status or ''
end
