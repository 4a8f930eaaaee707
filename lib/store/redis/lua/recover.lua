--[[
Takes back the tasks whose worker went away: those whose claim has lapsed, and, by Bee-Queue's own rule, those that a
plain Bee-Queue worker holds without a claim.

KEYS  1 waiting  2 active  3 stalling  4 stallBlock  5 claims  6 stalls  7 jobs  8 cancelling  9 progress
ARGV  1 claim token of the one who recovers  2 lease and stall interval (ms)  3 maxStalls
Returns { { id put back to waiting, ... }, { id, record, stalls, ... of those to bury } }

Guarantee: every lapsed claim ends here: back in waiting, or, past maxStalls or with a cancel asked for, claimed by
the one who recovers, who settles it (and if that one goes away too, the next one does).
Cost: all claims are looked at, which are as many as tasks that run.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local requeued, exhausted = {}, {}
local LIMIT = 1000

local function stamp(token, since, till) return string.format('%-80s', string.format('%s %.0f %.0f', token, since, till)) end

-- Not HINCRBY: one value that is no number would end every check at this task.
local function count(id)
  local before = tonumber(redis.call('HGET', KEYS[6], id) or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before) + 1
end

local function put_back(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('SREM', KEYS[3], id)
  redis.call('HDEL', KEYS[9], id)
  -- LPUSH, as Bee-Queue: a task that kills its workers goes behind the others.
  redis.call('LPUSH', KEYS[1], id)
  requeued[#requeued + 1] = id
end

local function bury(id, record, stalls)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('HSET', KEYS[5], id, stamp(ARGV[1], now, now + ARGV[2]))
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
  -- First an addition: a Redis that is out of memory refuses it, and rolls nothing back.
  local stalls = count(id)
  redis.call('HSET', KEYS[6], id, stalls)
  -- Not in active: a plain Bee-Queue worker's stall check put it back into waiting. It may stand there once only.
  if redis.call('LREM', KEYS[2], 0, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
  local record = redis.call('HGET', KEYS[7], id)
  if not record then
    forget(id)
  elseif stalls > tonumber(ARGV[3]) or redis.call('SISMEMBER', KEYS[8], id) == 1 then
    bury(id, record, stalls)
  else
    put_back(id)
  end
end

-- Nobody renews what has no time, or one that no worker writes (the clock was set back): it gets one.
local function check(id, claim)
  local since, till = string.match(claim, ' (%d+) (%d+)')
  till = tonumber(till)
  if not till or till > now + 2 * ARGV[2] then
    redis.call('HSET', KEYS[5], id, stamp(string.match(claim, '^([^ ]+) ') or 'nobody', tonumber(since) or now, now + ARGV[2]))
  elseif till <= now then
    take_back(id)
    return true
  end
  return false
end

local claims, taken = redis.call('HGETALL', KEYS[5]), 0
for i = 1, #claims, 2 do
  if taken == LIMIT then break end -- the others at the next call
  if check(claims[i], claims[i + 1]) then taken = taken + 1 end
end

-- Bee-Queue's checkStalledJobs, for the tasks that have no claim. The same block key, so that one of all checks at a time.
if redis.call('PTTL', KEYS[4]) == -1 then redis.call('DEL', KEYS[4]) end -- it would block all checks for ever
if redis.call('SET', KEYS[4], '1', 'PX', ARGV[2], 'NX') then
  local held = redis.call('LRANGE', KEYS[2], 0, -1)
  for _, id in ipairs(held) do
    if redis.call('HEXISTS', KEYS[5], id) == 1 then
      redis.call('SREM', KEYS[3], id)
    elseif redis.call('SISMEMBER', KEYS[3], id) == 1 then
      redis.call('LREM', KEYS[2], 0, id)
      if redis.call('HEXISTS', KEYS[7], id) == 1 then put_back(id) else redis.call('SREM', KEYS[3], id) end
    else
      redis.call('SADD', KEYS[3], id)
    end
  end
end
return { requeued, exhausted }
