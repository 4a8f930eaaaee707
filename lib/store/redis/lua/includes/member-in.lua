--[[
What a member of a flow says of its flow, in the text of its record: the last part of it that has the form. Data come
before, and what it has reported comes behind: that may have the flow as handlers see it, { id, key }.

Defines member_in(id, record): as JSON, nil if it is no member. The id of a member begins with that of its flow: data
may look like a membership

Cost: a search for a fixed text. A pattern that begins with .* looks at each byte of a record in Lua: 10 ms for 1 MiB.
]]
local function member_in(id, record)
  local start = string.match(id, '^([^.]*)%.')
  if not start or not record then return nil end
  local begins, member, flow, at = 'flow":{"id":"' .. start, nil, nil, 1
  repeat
    at = string.find(record, begins, at + 1, true)
    local found, name = string.match(record, '^"flow":({"id":"([^"]*)","home":[^{}]*,"node":[^{}]*})', (at or 1) - 1)
    member, flow = found or member, name or flow
  until not at
  return member and string.sub(id, 1, #flow + 1) == flow .. '.' and member or nil
end
