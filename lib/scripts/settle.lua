--[[
Writes the outcomes of a batch of attempts: state, record, result or error, expiry and event of each, together.

KEYS  1 jobs  2 active  3 stalling  4 claims  5 progress  6 stalls  7 cancelling  8 waiting  9 delayed
      10 succeeded  11 failed  12 done:succeeded  13 done:failed  14 done:cancelled  15 done:expired  16 watched
ARGV  1 key prefix (of the channels), then groups of tasks:
      claim token, outcome, number, "1" where the tasks have events, how many tasks; then for each: id, record [, event]
      outcome succeeded | failed | cancelled | expired: number is how long the record stays (ms)
      outcome retry | defer: number is the wait before the next start (ms); defer writes no record
      outcome drop: the task had ended before; only the claim goes
      event: for a plain Bee-Queue producer that listens
Returns for each task: 1 written, 0 not the token's (any more), 2 retry or defer refused: a cancel was asked for

Guarantee: only the token that holds the claim settles, once.
A Redis that is out of memory refuses the first addition of a script, and none after it: so the first thing that is
done is an addition that changes nothing.
Cost: a few calls for the batch, not for each task.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local done = { succeeded = KEYS[12], failed = KEYS[13], cancelled = KEYS[14], expired = KEYS[15] }
local sets = { succeeded = KEYS[10], failed = KEYS[11] }

local ids, records, events, groups = {}, {}, {}, {}
local count, at, last = 0, 2, #ARGV
while at < last do
  local group = { token = ARGV[at], outcome = ARGV[at + 1], number = tonumber(ARGV[at + 2]) }
  group.till = string.format('%.0f', now + group.number)
  local has_events, size = ARGV[at + 3] == '1', tonumber(ARGV[at + 4])
  group.repeats = group.outcome == 'retry' or group.outcome == 'defer'
  at = at + 5
  for n = count + 1, count + size do
    ids[n], records[n], groups[n] = ARGV[at], ARGV[at + 1], group
    if has_events then
      events[n] = ARGV[at + 2]
      at = at + 1
    end
    at = at + 2
  end
  count = count + size
end

-- Those of one claim have one and the same text.
local owners = {}
local function owner(claim)
  local token = owners[claim]
  if not token then
    token = string.match(claim, '^([^ ]*) ') or ''
    owners[claim] = token
  end
  return token
end

local replies, owned, held, seen = {}, {}, 0, {}
local claims = redis.call('HMGET', KEYS[4], unpack(ids))
-- Mostly there is none of these: then one look says so.
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[16]) == 0
local function exists(key) return not nothing_rare and redis.call('EXISTS', key) == 1 end
local cancels = exists(KEYS[7])
for n = 1, count do
  local id, claim, group = ids[n], claims[n], groups[n]
  if not claim or seen[id] or owner(claim) ~= group.token then
    replies[n] = 0
  elseif cancels and group.repeats and redis.call('SISMEMBER', KEYS[7], id) == 1 then
    replies[n] = 2
  else
    if held == 0 then redis.call('HSET', KEYS[4], id, claim) end
    replies[n] = 1
    seen[id] = true
    held = held + 1
    owned[held] = n
  end
end
if held == 0 then return replies end

-- What is added and what goes, as arguments of one call each. n: how long a list is; Lua's # searches for the end.
local function list() return { n = 0 } end
local function add(to, one, two)
  local n = to.n + 1
  to[n] = one
  if two then
    n = n + 1
    to[n] = two
  end
  to.n = n
end

local settled, forgotten, written, gone, waiting, delayed = list(), list(), list(), list(), list(), list()
local members = { succeeded = list(), failed = list() }
local expiries = { succeeded = list(), failed = list(), cancelled = list(), expired = list() }

local function finish(id, record, group)
  local outcome, ttl = group.outcome, group.number
  if ttl <= 0 then return add(gone, id) end
  add(written, id, record)
  if members[outcome] then add(members[outcome], id) end
  add(expiries[outcome], group.till, id)
end

local function again(id, wait)
  if wait <= 0 then add(waiting, id) else add(delayed, now + wait, id) end
end

for i = 1, held do
  local n = owned[i]
  local id, record, group = ids[n], records[n], groups[n]
  local outcome = group.outcome
  add(settled, id)
  if outcome ~= 'defer' then add(forgotten, id) end -- it ran to an end, and its worker lives
  if outcome == 'retry' then add(written, id, record) end
  if group.repeats then again(id, group.number) end
  if done[outcome] then finish(id, record, group) end
end

-- They are the oldest of those that run, mostly.
local function is_tail()
  if held < 2 then return false end
  local tail, found = redis.call('LRANGE', KEYS[2], -held, -1), {}
  for _, id in ipairs(tail) do
    if not seen[id] or found[id] then return false end
    found[id] = true
  end
  return #tail == held
end

if is_tail() then
  redis.call('LTRIM', KEYS[2], 0, -held - 1)
else
  for _, id in ipairs(settled) do
    -- Not in active: a plain Bee-Queue worker's stall check put it back into waiting. Nobody may run it again.
    if redis.call('LREM', KEYS[2], -1, id) == 0 then redis.call('LREM', KEYS[8], 0, id) end
  end
end

redis.call('HDEL', KEYS[4], unpack(settled))
if exists(KEYS[3]) then redis.call('SREM', KEYS[3], unpack(settled)) end
if exists(KEYS[5]) then redis.call('HDEL', KEYS[5], unpack(settled)) end
if forgotten.n > 0 and exists(KEYS[6]) then redis.call('HDEL', KEYS[6], unpack(forgotten)) end
if cancels then redis.call('SREM', KEYS[7], unpack(settled)) end
if written.n > 0 then redis.call('HSET', KEYS[1], unpack(written)) end
if gone.n > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
for outcome, ended in pairs(members) do
  if ended.n > 0 then redis.call('SADD', sets[outcome], unpack(ended)) end
end
for outcome, ended in pairs(expiries) do
  if ended.n > 0 then redis.call('ZADD', done[outcome], unpack(ended)) end
end
if waiting.n > 0 then redis.call('LPUSH', KEYS[8], unpack(waiting)) end
if delayed.n > 0 then
  redis.call('ZADD', KEYS[9], unpack(delayed))
  local first = delayed[1]
  for i = 3, delayed.n, 2 do first = math.min(first, delayed[i]) end
  redis.call('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', first))
end

local watched = exists(KEYS[16]) and redis.call('ZMSCORE', KEYS[16], unpack(settled))
for i = 1, held do
  local n = owned[i]
  if watched and watched[i] and groups[n].outcome ~= 'drop' then redis.call('PUBLISH', ARGV[1] .. 'task:' .. ids[n], groups[n].outcome) end
  if events[n] then redis.call('PUBLISH', ARGV[1] .. 'events', events[n]) end
end
return replies
