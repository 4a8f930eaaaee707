--[[
Takes back stalled tasks: those whose lease expired, and, by the rule of Bee-Queue, those that a plain Bee-Queue worker
holds without a claim.

KEYS  1 waiting  2 active  3 stalling  4 stallBlock  5 claims  6 stalls  7 jobs  8 cancelling  9 progress
ARGV  1 claim token of the caller  2 lease and stall interval (ms)  3 maxStalls
Returns { { id that waits again, ... }, { id, record, stalls, ... of exhausted tasks } }

Guarantee: a task with an expired lease waits again. If it is past maxStalls, or a cancel was requested, it is claimed
for the caller, who settles it. If that caller dies too, the next one gets it.
Cost: looks at every claim. There is one for each running task.
]]
-- @include now
-- @include claim
local requeued, exhausted = {}, {}
local LIMIT = 1000

-- Not HINCRBY: a value that is no number would make every later check fail at this task.
local function count_stall(id)
  local before = tonumber(redis.call('HGET', KEYS[6], id) or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before) + 1
end

local function requeue(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('SREM', KEYS[3], id)
  redis.call('HDEL', KEYS[9], id)
  -- LPUSH, as Bee-Queue does: a task that kills its workers waits behind the others.
  redis.call('LPUSH', KEYS[1], id)
  requeued[#requeued + 1] = id
end

local function claim_for_caller(id, record, stalls)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('HSET', KEYS[5], id, to_claim(ARGV[1], now, now + ARGV[2]))
  exhausted[#exhausted + 1] = id
  exhausted[#exhausted + 1] = record
  exhausted[#exhausted + 1] = stalls
end

local function forget(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('HDEL', KEYS[6], id)
  redis.call('SREM', KEYS[8], id)
  redis.call('HDEL', KEYS[9], id)
end

local function take_back(id)
  -- A write comes first: a Redis that is out of memory refuses it, and rolls nothing back.
  local stalls = count_stall(id)
  redis.call('HSET', KEYS[6], id, stalls)
  -- An id that is not in active was queued by the stall check of a plain Bee-Queue. It must not be in waiting twice.
  if redis.call('LREM', KEYS[2], 0, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
  local record = redis.call('HGET', KEYS[7], id)
  if not record then
    forget(id)
  elseif stalls > tonumber(ARGV[3]) or redis.call('SISMEMBER', KEYS[8], id) == 1 then
    claim_for_caller(id, record, stalls)
  else
    requeue(id)
  end
end

-- A claim gets a new lease if it has none, or an end that no worker writes (the clock was set back): nobody renews it.
local function check(id, claim)
  local claimed_at, lease_end = string.match(claim, ' (%d+) (%d+)')
  lease_end = tonumber(lease_end)
  if not lease_end or lease_end > now + 2 * ARGV[2] then
    local token = string.match(claim, '^([^ ]+) ') or 'nobody'
    redis.call('HSET', KEYS[5], id, to_claim(token, claimed_at or now, now + ARGV[2]))
  elseif lease_end <= now then
    take_back(id)
    return true
  end
  return false
end

local claims, taken = redis.call('HGETALL', KEYS[5]), 0
for i = 1, #claims, 2 do
  if taken == LIMIT then break end -- the next call takes the others
  if check(claims[i], claims[i + 1]) then taken = taken + 1 end
end

-- Bee-Queue's checkStalledJobs, for tasks without a claim. With its own block key, so that one check runs at a time.
if redis.call('PTTL', KEYS[4]) == -1 then redis.call('DEL', KEYS[4]) end -- it would block every check for ever
if redis.call('SET', KEYS[4], '1', 'PX', ARGV[2], 'NX') then
  local active = redis.call('LRANGE', KEYS[2], 0, -1)
  for _, id in ipairs(active) do
    if redis.call('HEXISTS', KEYS[5], id) == 1 then
      redis.call('SREM', KEYS[3], id)
    elseif redis.call('SISMEMBER', KEYS[3], id) == 1 then
      redis.call('LREM', KEYS[2], 0, id)
      if redis.call('HEXISTS', KEYS[7], id) == 1 then requeue(id) else redis.call('SREM', KEYS[3], id) end
    else
      redis.call('SADD', KEYS[3], id)
    end
  end
end
return { requeued, exhausted }
