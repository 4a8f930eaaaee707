--[[
The time now on the clock of Redis, in ms since 1970.

Defines now
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
