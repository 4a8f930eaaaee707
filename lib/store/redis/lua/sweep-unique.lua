--[[
Frees the keys of tasks that have ended in a way that did not free them, and starts the tasks that follow; forgets the
levels of tasks that are gone: one slice.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired  8 unique
      9 keyed  10 rerun  11 delayed  12 laned  13 large  14 levels  15 tags  16 tagged
ARGV  1 cursor, "0" to begin  2 prefix of channels  3 what to look at: keyed | levels
Returns the next cursor, "0" at the end

Guarantee: the key of a task that has not ended stays.
Cost: a few commands for a slice of some 100 keys. Records are not read.
]]
-- @include now
-- @include large
-- @include retag
-- @include unique
-- @include is-unfinished
local reply = redis.call('HSCAN', ARGV[3] == 'levels' and KEYS[14] or KEYS[9], ARGV[1], 'COUNT', 100)
local keys = {
  unique = KEYS[8], keyed = KEYS[9], rerun = KEYS[10], jobs = KEYS[1], delayed = KEYS[11], laned = KEYS[12],
  large = KEYS[13], levels = KEYS[14], tags = KEYS[15], tagged = KEYS[16]
}
for i = 1, #reply[2], 2 do
  local id = reply[2][i]
  if ARGV[3] == 'levels' then
    -- A failed task may be retried by hand. The empty field is a count of claims.
    local is_kept = is_unfinished(id, KEYS[1], 2) or redis.call('SISMEMBER', KEYS[3], id) == 1
    if not is_kept and (id ~= '' or redis.call('HLEN', KEYS[14]) == 1) then redis.call('HDEL', KEYS[14], id) end
  elseif not is_unfinished(id, KEYS[1], 2) then
    end_keyed(keys, ARGV[2], id, reply[2][i + 1], redis.call('HEXISTS', KEYS[1], id) == 1)
  end
end
return reply[1]
