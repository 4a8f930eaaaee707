--[[
Reads schedules of a queue, as many as fit into one reply.

KEYS  1 schedules  2 scheduleStates  3 ticks  4 heldTicks
ARGV  1 "all" | "due" (a tick is due, or waits for the task before it) | "ids"
      2 cursor for "all", "0" at first; 2 and more: ids for "ids"
Returns { now (ms), cursor ("0": no more pages), { ids that did not fit }, id, definition, state, ... }

due: one without a definition, or whose state is unreadable, is in the reply too: its tick has to be put off. It comes
with "" for both.

Guarantee: what is stored while all pages are read is on at least one.
Cost: about 1 MB a call, or one schedule if that is larger. At most 100 due ticks, or about 500 states.
]]
-- @include now
-- @include schedule-state
local ids, cursor = {}, '0'
if ARGV[1] == 'all' then
  local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 500)
  cursor = page[1]
  for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end
elseif ARGV[1] == 'due' then
  ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)
  local seen = {}
  for _, id in ipairs(ids) do seen[id] = true end
  for _, id in ipairs(redis.call('SRANDMEMBER', KEYS[4], 100)) do
    if not seen[id] then ids[#ids + 1] = id end
  end
else
  for i = 2, #ARGV do ids[#ids + 1] = ARGV[i] end
end
local rest, bytes = {}, 0
local reply = { now, cursor, rest }
for _, id in ipairs(ids) do
  local size = redis.call('HSTRLEN', KEYS[1], id)
  if #rest > 0 or (bytes > 0 and bytes + size > 1000000) then
    rest[#rest + 1] = id
  else
    bytes = bytes + size
    local spec, state = redis.call('HGET', KEYS[1], id), redis.call('HGET', KEYS[2], id)
    local is_whole = spec and load_state(KEYS[2], id)
    if ARGV[1] == 'due' and not is_whole then spec, state = '', '' end
    if spec and state then
      reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, spec, state
    end
  end
end
return reply
