--[[
Whether a claim belongs to a token.

Defines is_owner(token, claim): false if there is no claim
]]
local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
