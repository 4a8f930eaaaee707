--[[
Adds what a process counted to a minute or to an hour.

KEYS  1 m:minute or h:hour
ARGV  1 how long it is kept (ms)  2 how many fields there are at most
      3 and more: field, number, field, number, ...
Returns how many fields were added to

Guarantee: a key is bounded, whatever processes count: a field too many is added to that of "other". Every key expires.
]]
local key, most = KEYS[1], tonumber(ARGV[2])
local isNear = redis.call('HLEN', key) + #ARGV > most
for i = 3, #ARGV, 2 do
  local field = ARGV[i]
  if isNear and redis.call('HEXISTS', key, field) == 0 and redis.call('HLEN', key) >= most then
    field = 'other' .. string.match(field, '|.*$')
  end
  redis.call('HINCRBY', key, field, ARGV[i + 1])
end
redis.call('PEXPIRE', key, ARGV[1])
return (#ARGV - 2) / 2
