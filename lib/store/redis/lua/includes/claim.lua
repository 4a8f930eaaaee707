--[[
The value of a claim: "<token> <claimed at>", the time in ms since 1970. A token is "<worker>.<number>".

Defines to_claim(token, claimed_at)

Cost: padded to 80 bytes. Redis keeps a hash as a list until a value is longer than 64 bytes
(hash-max-listpack-value), and each look-up would search that list.
]]
local function to_claim(token, claimed_at)
  return string.format('%-80s', token .. ' ' .. claimed_at)
end
