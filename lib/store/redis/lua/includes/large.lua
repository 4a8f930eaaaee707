--[[
The key `large` exists if records of LARGE bytes or more were stored, as far as it is known: claims read records in
parts then. It expires after 30 days.

Defines LARGE, mark_large(large)
]]
local LARGE = 32768

local function mark_large(large) redis.pcall('SET', large, 1, 'PX', 2592000000) end
