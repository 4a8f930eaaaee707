--[[
What a member of a flow says of its flow, in the text of its record.

Defines member_in(id, record): as JSON, nil if it is no member. The id of a member begins with that of its flow: data
may look like a membership
]]
local function member_in(id, record)
  local member, flow = string.match(record or '', '^.*"flow":({"id":"([^"]*)"[^{}]*})')
  return member and string.sub(id, 1, #flow + 1) == flow .. '.' and member or nil
end
