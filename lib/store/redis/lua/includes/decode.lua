--[[
Decodes JSON that JavaScript has written. cjson refuses some of it: half of a surrogate pair, as a text has that was cut
within an emoji, and what is nested deeper than 1,000 levels, which the data of a record may just be.

Defines decode(text): nil if it is no JSON. Halves, and whole pairs that are escaped, become U+FFFD
]]
local function decode(text)
  local is_json, value = pcall(cjson.decode, text)
  if is_json then return value end
  local lenient = cjson.new()
  lenient.decode_max_depth(1100)
  is_json, value = pcall(lenient.decode, (string.gsub(text, '\\u[dD][89a-fA-F]%x%x', '\\ufffd')))
  return is_json and value or nil
end
