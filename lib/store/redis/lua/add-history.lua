--[[
Adds what a process counted to a minute and to its hour.

KEYS  1 m:minute  2 h:hour
ARGV  1 how long a minute is kept (ms)  2 how long an hour is kept (ms)  3 how many fields there are at most
      4 and more: field, number, field, number, ...
Returns how many fields were added to

Guarantee: a key is bounded, whatever processes count: a field too many is added to that of "other". Every key expires.
]]
local kept = { ARGV[1], ARGV[2] }
for i = 1, 2 do
  local key = KEYS[i]
  local room = ARGV[3] - redis.call('HLEN', key)
  for j = 4, #ARGV, 2 do
    local field = ARGV[j]
    if room < #ARGV and redis.call('HEXISTS', key, field) == 0 then
      if redis.call('HLEN', key) >= tonumber(ARGV[3]) then field = 'other' .. string.match(field, '|.*$') end
    end
    redis.call('HINCRBY', key, field, ARGV[j + 1])
  end
  redis.call('PEXPIRE', key, kept[i])
end
return (#ARGV - 3) / 2
