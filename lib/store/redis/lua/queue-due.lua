--[[
Moves delayed tasks that are due to waiting, and gives a seat of the timekeepers to a worker, if one is free.

KEYS  1 timekeepers  2 delayed  3 waiting  4 ticks  5 heldTicks  6 flows  7 parked  8 paused  9 laned
      10 closed  11 high  12 low  13 levels
ARGV  1 worker id
Returns { 1 if the worker is a timekeeper, else 0, now (ms),
          due time of the next delayed task or of the next lane that may go on, or -1,
          due time of the next tick of a schedule or -1, how many ticks wait for the task before them,
          when somebody has to look at a flow or -1,
          { id, lane, ... of due tasks that have a lane, "", lane, ... of lanes that may go on: see admit.lua } }

A timekeeper calls again when the next task is due: a due time costs three calls, however many workers there are. All
others call from time to time. So tasks are queued, a little late, if all timekeepers have died.
Cost: at most 500 tasks a call. If more are due, the next due time has passed.
]]
-- @include now
-- @include enter
-- @include door
use_levels(KEYS[3], KEYS[7], KEYS[11], KEYS[12], KEYS[13])
local SEATS, LIFE = 3, 15000
local worker = ARGV[1]

-- Seats that are taken for longer than LIFE are from before the clock was set back.
local function take_seat()
  local free = redis.call('ZCOUNT', KEYS[1], now, now + LIFE) < SEATS
  if not free and not redis.call('ZSCORE', KEYS[1], worker) then return 0 end
  redis.call('ZADD', KEYS[1], now + LIFE, worker)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 1)
  redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + LIFE), '+inf')
  redis.call('PEXPIRE', KEYS[1], LIFE)
  return 1
end

local seat = take_seat()
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)
local gated = {}
if #due > 0 and redis.call('EXISTS', KEYS[9]) == 1 then
  local lanes, free = redis.call('HMGET', KEYS[9], unpack(due)), {}
  for i, id in ipairs(due) do
    if lanes[i] then
      gated[#gated + 1], gated[#gated + 2] = id, lanes[i]
    else
      free[#free + 1] = id
    end
  end
  due = free
end
if #due > 0 then
  enter(door(KEYS[3], KEYS[7], KEYS[8]), due)
  redis.call('ZREM', KEYS[2], unpack(due))
end
-- Taken out at once, so that one timekeeper looks at each. If it dies, the look of each lane finds them.
local open = redis.call('ZRANGEBYSCORE', KEYS[10], '-inf', now, 'LIMIT', 0, 100)
for _, lane in ipairs(open) do gated[#gated + 1], gated[#gated + 2] = '', lane end
if #open > 0 then redis.call('ZREM', KEYS[10], unpack(open)) end
local head = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local closed = redis.call('ZRANGE', KEYS[10], 0, 0, 'WITHSCORES')
if closed[2] and (not head[2] or tonumber(closed[2]) < tonumber(head[2])) then head = closed end
local tick = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local flow = redis.call('ZRANGE', KEYS[6], 0, 0, 'WITHSCORES')
return {
  seat, now, tonumber(head[2] or -1), tonumber(tick[2] or -1), redis.call('SCARD', KEYS[5]), tonumber(flow[2] or -1),
  gated
}
