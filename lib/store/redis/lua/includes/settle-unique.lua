--[[
The part of settle.lua for tasks that are enqueued once for a key: those that have ended free their key, or start the
task that follows. To be included after unique.

Defines keys, which it uses
]]
local keys = {
  unique = KEYS[23], keyed = KEYS[24], rerun = KEYS[25], jobs = KEYS[1], delayed = KEYS[3], laned = KEYS[18],
  large = KEYS[26], levels = KEYS[27], tags = KEYS[30], tagged = KEYS[31]
}
local found = redis.call('HMGET', KEYS[24], unpack(ids))
for g = 1, group_count do
  local group = groups[g]
  local has_ended = terminals[group.outcome] or group.outcome == 'drop'
  local counts = (group.outcome == 'succeeded' or group.outcome == 'failed') and group.ms > 0
  for n = group.first, group.last do
    if has_ended and replies[n] == 1 and found[n] then end_keyed(keys, ARGV[1], ids[n], found[n], counts) end
  end
end
