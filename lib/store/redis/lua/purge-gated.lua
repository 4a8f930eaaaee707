--[[
Removes tasks that wait in the lists of lanes, oldest first.

KEYS  1 jobs  2 gated  3 delayed  4 claims  5 stalls  6 progress  7 cancelling  8 succeeded  9 failed
      10 done:succeeded  11 done:failed  12 done:cancelled  13 done:expired  14 tags  15 tagged  16 logs  17 logged
      18 heads  19 watched
ARGV  1 how many at most  2 "1" if tasks between two attempts are removed too  3 how many were kept before
      4 channel prefix
Returns { how many records were removed, how many were kept, 1 if there is more to look at, else 0,
          what members of flows that were removed say of their flow, as JSON, ... }

Their ids stay in the lists of their lanes, where the next look drops them.
]]
-- @include leave
-- @include status
-- @include member-in
-- @include forget
-- @include publish-removed
local limit, kept, gone, members, bytes = tonumber(ARGV[1]), tonumber(ARGV[3]), {}, {}, 0
local ids = limit > 0 and redis.call('ZRANGE', KEYS[2], kept, kept + limit - 1) or {}
local looked_at = 0
for _, id in ipairs(ids) do
  if bytes > 524288 then break end
  looked_at = looked_at + 1
  local record = redis.call('HGET', KEYS[1], id)
  bytes = bytes + #(record or '')
  if record and status_of(record) == 'retrying' and ARGV[2] ~= '1' then
    kept = kept + 1
  else
    gone[#gone + 1] = id
    members[#members + 1] = member_in(id, record)
  end
end
local removed = 0
if #gone > 0 then
  removed = redis.call('HDEL', KEYS[1], unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
end
leave(3, gone)
forget(14, gone)
publish_removed(KEYS[19], ARGV[4], gone)
return { removed, kept, (#ids == limit and limit > 0 or looked_at < #ids) and 1 or 0, unpack(members) }
