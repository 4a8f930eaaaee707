--[[
The value of a claim: "<token> <claimed at> <end of the lease>", both times in ms since 1970.

Defines to_claim(token, claimed_at, lease_end): claimed_at is now, or what another claim says

Cost: padded to 80 bytes. Redis keeps a hash as a list until a value is longer than 64 bytes
(hash-max-listpack-value), and each look-up would search that list.
]]
local function to_claim(token, claimed_at, lease_end)
  return string.format('%-80s', string.format('%s %s %.0f', token, claimed_at, lease_end))
end
