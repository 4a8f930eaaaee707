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
Cost: a few calls for the batch, not for each task, and few steps of Lua for each: this is what workers wait for.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- How long each list is stands beside it: Lua's # searches for the end.
local groups, group_count, ids, count = {}, 0, {}, 0
local at, last = 2, #ARGV
while at < last do
  local size, step = tonumber(ARGV[at + 4]), ARGV[at + 3] == '1' and 3 or 2
  local group = { token = ARGV[at], outcome = ARGV[at + 1], number = tonumber(ARGV[at + 2]), step = step, first = count + 1, at = at + 5 }
  group_count = group_count + 1
  groups[group_count] = group
  at = at + 5
  for _ = 1, size do
    count = count + 1
    ids[count] = ARGV[at]
    at = at + step
  end
  group.last = count
end

local function owner(claim) return string.match(claim, '^([^ ]*) ') end

-- Mostly there is none of these: then one look says so.
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[16]) == 0
local function exists(key) return not nothing_rare and redis.call('EXISTS', key) == 1 end
local cancels = exists(KEYS[7])
local claims = redis.call('HMGET', KEYS[4], unpack(ids))

-- What is added and what goes, as arguments of one call each.
local replies, seen, held, settled = {}, {}, 0, {}
local forgotten, forgotten_count, written, written_count, gone, gone_count = {}, 0, {}, 0, {}, 0
local waiting, waiting_count, delayed, delayed_count = {}, 0, {}, 0
local told, told_count = {}, 0
local function ends(done, members) return { done = done, members = members, ids = {}, times = {}, count = 0 } end
local all_ends = { succeeded = ends(KEYS[12], KEYS[10]), failed = ends(KEYS[13], KEYS[11]), cancelled = ends(KEYS[14]), expired = ends(KEYS[15]) }

for g = 1, group_count do
  local group = groups[g]
  local token, outcome, number, step, place = group.token, group.outcome, group.number, group.step, group.at
  local ended, repeats, known = all_ends[outcome], outcome == 'retry' or outcome == 'defer', nil
  local till = string.format('%.0f', now + number)
  for n = group.first, group.last do
    local id, claim = ids[n], claims[n]
    -- Those of one claim have one and the same text.
    if claim and claim ~= known and owner(claim) == token then known = claim end
    if not claim or claim ~= known or seen[id] then
      replies[n] = 0
    elseif cancels and repeats and redis.call('SISMEMBER', KEYS[7], id) == 1 then
      replies[n] = 2
    else
      if held == 0 then redis.call('HSET', KEYS[4], id, claim) end
      replies[n] = 1
      seen[id] = 1
      held = held + 1
      settled[held] = id
      if outcome ~= 'defer' then -- it ran to an end, and its worker lives
        forgotten_count = forgotten_count + 1
        forgotten[forgotten_count] = id
      end
      if ended and number <= 0 then
        gone_count = gone_count + 1
        gone[gone_count] = id
      elseif ended or outcome == 'retry' then
        written[written_count + 1], written[written_count + 2] = id, ARGV[place + 1]
        written_count = written_count + 2
      end
      if ended and number > 0 then
        local m = ended.count
        ended.ids[m + 1], ended.times[2 * m + 1], ended.times[2 * m + 2] = id, till, id
        ended.count = m + 1
      elseif repeats and number <= 0 then
        waiting_count = waiting_count + 1
        waiting[waiting_count] = id
      elseif repeats then
        delayed[delayed_count + 1], delayed[delayed_count + 2] = now + number, id
        delayed_count = delayed_count + 2
      end
      if step == 3 then
        told_count = told_count + 1
        told[told_count] = ARGV[place + 2]
      end
    end
    place = place + step
  end
end
if held == 0 then return replies end

-- They are the oldest of those that run, mostly.
local function is_tail()
  if held < 2 then return false end
  local tail = redis.call('LRANGE', KEYS[2], -held, -1)
  for i = 1, held do
    local id = tail[i]
    if not id or seen[id] ~= 1 then return false end
    seen[id] = 2
  end
  return true
end

if is_tail() then
  redis.call('LTRIM', KEYS[2], 0, -held - 1)
else
  for i = 1, held do
    -- Not in active: a plain Bee-Queue worker's stall check put it back into waiting. Nobody may run it again.
    if redis.call('LREM', KEYS[2], -1, settled[i]) == 0 then redis.call('LREM', KEYS[8], 0, settled[i]) end
  end
end

redis.call('HDEL', KEYS[4], unpack(settled))
if exists(KEYS[3]) then redis.call('SREM', KEYS[3], unpack(settled)) end
if exists(KEYS[5]) then redis.call('HDEL', KEYS[5], unpack(settled)) end
if forgotten_count > 0 and exists(KEYS[6]) then redis.call('HDEL', KEYS[6], unpack(forgotten)) end
if cancels then redis.call('SREM', KEYS[7], unpack(settled)) end
if written_count > 0 then redis.call('HSET', KEYS[1], unpack(written)) end
if gone_count > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
for _, ended in pairs(all_ends) do
  if ended.count > 0 then
    if ended.members then redis.call('SADD', ended.members, unpack(ended.ids)) end
    redis.call('ZADD', ended.done, unpack(ended.times))
  end
end
if waiting_count > 0 then redis.call('LPUSH', KEYS[8], unpack(waiting)) end
if delayed_count > 0 then
  redis.call('ZADD', KEYS[9], unpack(delayed))
  local first = delayed[1]
  for i = 3, delayed_count, 2 do first = math.min(first, delayed[i]) end
  redis.call('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', first))
end

local function tell_who_watches()
  local watched = redis.call('ZMSCORE', KEYS[16], unpack(ids))
  for g = 1, group_count do
    local group = groups[g]
    for n = group.first, group.last do
      if watched[n] and replies[n] == 1 and group.outcome ~= 'drop' then redis.call('PUBLISH', ARGV[1] .. 'task:' .. ids[n], group.outcome) end
    end
  end
end

if exists(KEYS[16]) then tell_who_watches() end
for i = 1, told_count do redis.call('PUBLISH', ARGV[1] .. 'events', told[i]) end
return replies
