--[[
Writes the outcomes of a batch of attempts: state, record, result or error, expiry and event of each, together.

KEYS  1 jobs  2 active  3 stalling  4 claims  5 leases  6 progress  7 stalls  8 cancelling  9 waiting  10 delayed
      11 succeeded  12 failed  13 done:succeeded  14 done:failed  15 done:cancelled  16 done:expired
ARGV  1 key prefix (of the channels), then for each task:
      id, claim token, outcome, record, number, event of Bee-Queue's ("" for none)
      outcome succeeded | failed | cancelled | expired: number is how long the record stays (ms)
      outcome retry | defer: number is the wait before the next start (ms); defer writes no record
      outcome drop: the task had ended before; only the claim goes
Returns for each task: 1 written, 0 not the token's (any more), 2 retry or defer refused: a cancel was asked for

Guarantee: only the token that holds the claim settles, once.
A Redis that is out of memory refuses additions and rolls nothing back: the first thing that is done to a task is an
addition that changes nothing.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local done = { succeeded = KEYS[13], failed = KEYS[14], cancelled = KEYS[15], expired = KEYS[16] }
local sets = { succeeded = KEYS[11], failed = KEYS[12] }

local function owns(id, token)
  local claim = redis.call('HGET', KEYS[4], id)
  if not claim or string.sub(claim, 1, #token + 1) ~= token .. ' ' then return false end
  redis.call('HSET', KEYS[4], id, claim)
  return true
end

local function unclaim(id)
  -- Not in active: a plain Bee-Queue worker's stall check put it back into waiting. Nobody may run it again.
  if redis.call('LREM', KEYS[2], -1, id) == 0 then redis.call('LREM', KEYS[9], 0, id) end
  redis.call('HDEL', KEYS[4], id)
  redis.call('ZREM', KEYS[5], id)
  redis.call('SREM', KEYS[3], id)
  redis.call('HDEL', KEYS[6], id)
end

local function again(id, wait)
  if wait <= 0 then
    redis.call('LPUSH', KEYS[9], id)
  else
    redis.call('ZADD', KEYS[10], now + wait, id)
    redis.call('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', now + wait))
  end
end

local function finish(id, outcome, record, ttl)
  redis.call('HDEL', KEYS[7], id)
  redis.call('SREM', KEYS[8], id)
  if ttl <= 0 then
    redis.call('HDEL', KEYS[1], id)
    return
  end
  redis.call('HSET', KEYS[1], id, record)
  if sets[outcome] then redis.call('SADD', sets[outcome], id) end
  redis.call('ZADD', done[outcome], now + ttl, id)
end

local replies = {}
for i = 2, #ARGV, 6 do
  local id, token, outcome, record, number, event = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5]
  local repeats = outcome == 'retry' or outcome == 'defer'
  local code = 1
  if not owns(id, token) then
    code = 0
  elseif repeats and redis.call('SISMEMBER', KEYS[8], id) == 1 then
    code = 2
  else
    unclaim(id)
    if outcome == 'retry' then redis.call('HSET', KEYS[1], id, record) end
    if repeats then again(id, number) end
    if done[outcome] then finish(id, outcome, record, number) end
    if outcome == 'drop' then
      redis.call('HDEL', KEYS[7], id)
      redis.call('SREM', KEYS[8], id)
    end
    if outcome ~= 'drop' then redis.call('PUBLISH', ARGV[1] .. 'task:' .. id, outcome) end
    if event ~= '' then redis.call('PUBLISH', ARGV[1] .. 'events', event) end
  end
  replies[#replies + 1] = code
end
return replies
