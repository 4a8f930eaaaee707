--[[
Whether a record is still as a caller read it. The caller sends "#" and the SHA-1 of the record in hex, or "=" and a
large record itself: a digest is a tenth of what most records are, and Redis reads 16 KiB of a client at once.

Defines is_as_read(record, sent)

Cost: that of a SHA-1 of up to 16 KiB, or of a comparison.
]]
local function is_as_read(record, sent)
  if string.byte(sent) == 35 then return redis.sha1hex(record) == string.sub(sent, 2) end
  return record == string.sub(sent, 2)
end
