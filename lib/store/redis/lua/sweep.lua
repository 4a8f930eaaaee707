--[[
Counts the ticks of a queue, and takes back the tasks of dead workers, slice by slice. Whoever calls first in a quarter
of the stall interval owns the tick: that caller goes on until the position is "". All other callers are told to wait.

KEYS  1 tickBlock  2 tick  3 leases  4 floors  5 stalling  6 stallBlock  7 active  8 waiting  9 jobs
      10 delayed  11 claims  12 stalls  13 progress  14 cancelling  15 succeeded  16 failed
      17 done:succeeded  18 done:failed  19 done:cancelled  20 done:expired  21 lastClaims  22 parked  23 paused
      24 laned  25 high  26 low  27 levels
ARGV  1 stall interval (ms)  2 maxStalls  3 position, "" to begin
Returns { position, "" at the end  how long to wait then (ms)
          { id that waits again, ... }, { id, stalls, claim token, ... of exhausted tasks } }

Guarantees:
1. A lease expires five ticks after it was renewed: after at least three quarters of the interval, even if Redis' clock
   is set forward, and at most after one and a half while any worker of the queue lives.
2. While no worker reaches Redis there are no ticks, and no lease expires.
3. The task of an expired lease waits again. If it is past maxStalls, or a cancel was requested, its claim stays: the
   caller settles it with that claim's token. If the caller dies too, the next sweep returns it again.
4. By the rule of Bee-Queue, a task that a plain Bee-Queue worker holds waits again if it was in stalling for a whole
   interval.
Cost: a slice looks at 150 claims, or 250 ids of active. Claims are looked at only if a lease has expired, and at every
40th tick: then those are found whose worker has no lease, or forgot them.
]]
-- @include enter
-- @include door
-- @include leave
use_levels(KEYS[8], KEYS[22], KEYS[25], KEYS[26], KEYS[27])
local requeued, exhausted = {}, {}
local interval = tonumber(ARGV[1])
local TICK = math.max(1, math.floor(interval / 4))
local LIFE, HIGHEST = 5, 1e15

-- Not the first ticks: if the keys of the leases were lost, living workers have renewed theirs by then.
local function is_full(tick) return tick % 40 == 6 end

local function wait() return math.max(1, redis.call('PTTL', KEYS[1])) end

-- A key without an expiry, or with one that nobody sets (Redis' clock was set back), would block for ever.
local function take_block(key, ms, longest)
  local left = redis.call('PTTL', key)
  if left == -1 or left > longest then redis.call('DEL', key) end
  return redis.call('SET', key, '1', 'PX', ms, 'NX')
end

-- Never lower than a lease, if the key was lost.
local function next_tick()
  redis.call('ZREMRANGEBYSCORE', KEYS[3], HIGHEST, '+inf')
  local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  local tick = tonumber(redis.call('GET', KEYS[2]) or 0)
  if not tick or not (tick >= 0 and tick < HIGHEST) then tick = 0 end
  tick = math.floor(math.max(tick, tonumber(newest[2] or 0))) + 1
  redis.call('SET', KEYS[2], string.format('%.0f', tick), 'PX', 86400000)
  return tick
end

-- Not HINCRBY: a value that is no number would make every later sweep fail at this task.
local function stalls_of(value)
  local before = tonumber(value or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before)
end

-- Behind the others, as Bee-Queue does: a task that kills its workers does not hold them up.
-- Those that need a token to start again come due now: who queues due tasks lets them into their lanes.
local function requeue(ids)
  if #ids == 0 then return end
  local laned, due, free = redis.call('HMGET', KEYS[24], unpack(ids)), {}, {}
  for i, id in ipairs(ids) do
    requeued[#requeued + 1] = id
    if laned[i] then
      due[#due + 1], due[#due + 2] = 1, id
    else
      free[#free + 1] = id
    end
  end
  if #due > 0 then redis.call('ZADD', KEYS[10], unpack(due)) end
  enter(door(KEYS[8], KEYS[22], KEYS[23]), free)
  redis.call('HDEL', KEYS[11], unpack(ids))
  redis.call('HDEL', KEYS[13], unpack(ids))
end

-- lost: { id, claim token, worker, ... }, of 1,000 tasks at most.
local function take_back(lost, tick)
  local ids, again, stalled, gone = {}, {}, {}, {}
  for i = 1, #lost, 3 do ids[#ids + 1] = lost[i] end
  if #ids == 0 then return end
  local stalls, cancels = redis.call('HMGET', KEYS[12], unpack(ids)), redis.call('SMISMEMBER', KEYS[14], unpack(ids))
  for i, id in ipairs(ids) do
    local count, token = stalls_of(stalls[i]) + 1, lost[3 * i - 1]
    if redis.call('HEXISTS', KEYS[9], id) == 0 then
      gone[#gone + 1] = id
    elseif token ~= '' and (count > tonumber(ARGV[2]) or cancels[i] == 1) then
      local at = #exhausted
      exhausted[at + 1], exhausted[at + 2], exhausted[at + 3] = id, count, token
      redis.call('ZADD', KEYS[3], tick - LIFE, lost[3 * i]) -- it is not forgotten yet: the next tick looks again
    else
      again[#again + 1] = id
      stalled[#stalled + 1], stalled[#stalled + 2] = id, count
    end
  end
  if #again > 0 then redis.call('HSET', KEYS[12], unpack(stalled)) end
  requeue(again)
  leave(10, gone)
end

-- Looks at one slice of the claims. Returns the cursor of the next, "0" at the end.
local function sweep_claims(tick, cursor)
  local page = redis.call('HSCAN', KEYS[11], cursor, 'COUNT', 150)
  local alive = {}
  local function is_alive(worker)
    if alive[worker] == nil then
      local renewed = tonumber(redis.call('ZSCORE', KEYS[3], worker) or -LIFE)
      alive[worker] = renewed > tick - LIFE
    end
    return alive[worker]
  end
  local lost, seen = {}, {} -- a scan may return an id twice
  for i = 1, #page[2], 2 do
    local id, token = page[2][i], string.match(page[2][i + 1], '^([^ ]+) ')
    local worker, number = string.match(token or '', '^(.*)%.(%d+)$')
    local floor = worker and is_full(tick) and tonumber(redis.call('HGET', KEYS[4], worker) or 0)
    local is_lost = not is_alive(worker or token or '') or (floor and tonumber(number) < floor)
    if is_lost and not seen[id] then
      seen[id] = true
      lost[#lost + 1], lost[#lost + 2], lost[#lost + 3] = id, token or '', worker or token or ''
    end
    if #lost == 3000 then
      take_back(lost, tick)
      lost = {}
    end
  end
  take_back(lost, tick)
  return page[1]
end

-- Their claims were looked at by a whole pass that began after they had died, at an earlier tick.
local function forget_dead(tick)
  local dead = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. (tick - LIFE), 'LIMIT', 0, 1000)
  if #dead == 0 then return end
  redis.call('HDEL', KEYS[4], unpack(dead))
  for _, worker in ipairs(dead) do redis.call('HDEL', KEYS[21], worker .. ' now', worker .. ' wait') end
  redis.call('ZREM', KEYS[3], unpack(dead))
end

-- Takes the next id from the end of active. To remove another costs a step for each one behind it.
local function remove_active(id, kept)
  if kept == 0 then return redis.call('RPOP', KEYS[7]) end
  redis.call('LREM', KEYS[7], -1, id)
end

-- Looks at a slice of what plain workers hold, oldest first, behind the `kept` ids that are not stalled. Returns how
-- many those are now, -1 at the end. A slice has a bound for the steps of what it removes, too.
local function sweep_active(kept)
  local ids = redis.call('LRANGE', KEYS[7], -kept - 250, -kept - 1)
  if #ids == 0 then return -1 end
  local was_seen, ours = redis.call('SMISMEMBER', KEYS[5], unpack(ids)), redis.call('HMGET', KEYS[11], unpack(ids))
  local seen, stalled, new, again, steps = {}, {}, {}, {}, 0
  for i = #ids, 1, -1 do
    local id = ids[i]
    if was_seen[i] == 0 then
      new[#new + 1] = id
      kept = kept + 1
    else
      stalled[#stalled + 1] = id
      -- One that we run was left there by an older version, or put there by hand.
      if not seen[id] and not ours[i] and redis.call('HEXISTS', KEYS[9], id) == 1 then again[#again + 1] = id end
      seen[id] = true
      remove_active(id, kept)
      steps = steps + kept
      if steps > 200000 then break end
    end
  end
  if #new > 0 then redis.call('SADD', KEYS[5], unpack(new)) end
  requeue(again)
  if #stalled > 0 then redis.call('SREM', KEYS[5], unpack(stalled)) end
  return steps <= 200000 and #ids < 250 and -1 or kept
end

local function begin()
  local tick = next_tick()
  local sweeps = is_full(tick) or redis.call('ZCOUNT', KEYS[3], '-inf', tick - LIFE) > 0
  -- A plain Bee-Queue may have a longer interval: its block is kept, so that its workers have time to renew.
  local checks = take_block(KEYS[6], interval, 86400000)
  return tick, sweeps and '0' or '', checks and 0 or -1
end

local tick, cursor, kept
if ARGV[3] ~= '' then
  tick, cursor, kept = string.match(ARGV[3], '^(%d+) (%d*) (-?%d+)$')
  tick, kept = tonumber(tick), tonumber(kept)
elseif take_block(KEYS[1], TICK, TICK) then
  tick, cursor, kept = begin()
else
  return { '', wait(), requeued, exhausted }
end
if cursor ~= '' then
  cursor = sweep_claims(tick, cursor)
  if cursor == '0' then
    cursor = ''
    forget_dead(tick)
  end
elseif kept >= 0 then
  kept = sweep_active(kept)
end
local more = cursor ~= '' or kept >= 0
return { more and string.format('%.0f %s %d', tick, cursor, kept) or '', wait(), requeued, exhausted }
