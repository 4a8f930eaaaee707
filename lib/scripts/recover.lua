--[[
Takes back the tasks whose worker went away: the claims of one whose lease has passed, and, by Bee-Queue's own rule, what
a plain Bee-Queue worker holds without a claim.

KEYS  1 waiting  2 active  3 stalling  4 stallBlock  5 claims  6 leases  7 stalls  8 jobs  9 cancelling  10 progress
ARGV  1 claim token of the one who recovers: worker, ".", number  2 lease and stall interval (ms)  3 maxStalls
Returns { { id put back to waiting, ... }, { id, record, stalls, ... of those to bury } }

Guarantee: every lapsed claim ends here: back in waiting, or, past maxStalls or with a cancel asked for, claimed by
the one who recovers, who settles it (and if that one goes away too, the next one does).
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local requeued, buried = {}, {}
local LIMIT = 1000

-- Of garbage the whole: it lapses as any.
local function worker_of(claim) return string.match(claim, '^([^ ]*)%.') or claim end

-- Not HINCRBY: one value that is no number would end every check at this task.
local function count(id)
  local before = tonumber(redis.call('HGET', KEYS[7], id) or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before) + 1
end

local function put_back(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('SREM', KEYS[3], id)
  redis.call('HDEL', KEYS[10], id)
  -- LPUSH, as Bee-Queue: a task that kills its workers goes behind the others.
  redis.call('LPUSH', KEYS[1], id)
  requeued[#requeued + 1] = id
end

local function bury(id, record, stalls)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('HSET', KEYS[5], id, ARGV[1] .. ' ' .. now)
  buried[#buried + 1] = id
  buried[#buried + 1] = record
  buried[#buried + 1] = stalls
end

local function forget(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('HDEL', KEYS[7], id)
  redis.call('SREM', KEYS[9], id)
  redis.call('HDEL', KEYS[10], id)
end

local function take_back(id)
  -- First an addition: a Redis that is out of memory refuses it, and rolls nothing back.
  local stalls = count(id)
  redis.call('HSET', KEYS[7], id, stalls)
  -- Not in active: a plain Bee-Queue worker's stall check put it back into waiting. It may stand there once only.
  if redis.call('LREM', KEYS[2], 0, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
  local record = redis.call('HGET', KEYS[8], id)
  if not record then
    forget(id)
  elseif stalls > tonumber(ARGV[3]) or redis.call('SISMEMBER', KEYS[9], id) == 1 then
    bury(id, record, stalls)
  else
    put_back(id)
  end
end

-- Longer than any worker leases: the clock was set back, or it is garbage. It would not lapse for as long.
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], now + 2 * ARGV[2], '+inf', 'LIMIT', 0, LIMIT)) do
  redis.call('ZADD', KEYS[6], now + ARGV[2], worker)
end

-- One that lapsed goes once nothing is claimed with it: what is past the limit is for the next call.
local function take_back_all(lapsed)
  local gone, found = {}, 0
  for _, worker in ipairs(lapsed) do gone[worker] = true end
  local claims = redis.call('HGETALL', KEYS[5])
  for i = 1, #claims, 2 do
    if gone[worker_of(claims[i + 1])] then
      if found == LIMIT then return end
      found = found + 1
      take_back(claims[i])
    end
  end
  redis.call('ZREM', KEYS[6], unpack(lapsed))
end

local function lease_all()
  local workers = {}
  for _, claim in ipairs(redis.call('HVALS', KEYS[5])) do workers[worker_of(claim)] = true end
  for worker in pairs(workers) do redis.call('ZADD', KEYS[6], 'NX', now + ARGV[2], worker) end
end

local lapsed = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', now, 'LIMIT', 0, LIMIT)
if #lapsed > 0 then take_back_all(lapsed) end
if #buried > 0 then redis.call('ZADD', KEYS[6], now + ARGV[2], worker_of(ARGV[1])) end

-- Bee-Queue's checkStalledJobs, for the tasks that have no claim. The same block key, so that one of all checks at a time.
if redis.call('PTTL', KEYS[4]) == -1 then redis.call('DEL', KEYS[4]) end -- it would block all checks for ever
if redis.call('SET', KEYS[4], '1', 'PX', ARGV[2], 'NX') then
  lease_all() -- a claim without one would never lapse
  local held = redis.call('LRANGE', KEYS[2], 0, -1)
  for _, id in ipairs(held) do
    if redis.call('HEXISTS', KEYS[5], id) == 1 then
      redis.call('SREM', KEYS[3], id)
    elseif redis.call('SISMEMBER', KEYS[3], id) == 1 then
      redis.call('LREM', KEYS[2], 0, id)
      if redis.call('HEXISTS', KEYS[8], id) == 1 then put_back(id) else redis.call('SREM', KEYS[3], id) end
    else
      redis.call('SADD', KEYS[3], id)
    end
  end
end
redis.call('PEXPIRE', KEYS[6], 86400000)
return { requeued, buried }
