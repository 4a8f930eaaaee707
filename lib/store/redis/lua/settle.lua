--[[
Settles a batch of attempts: writes state, record, result or error, expiry and messages of each in one step.

KEYS  1 jobs  2 waiting  3 delayed  4 claims  5 progress  6 stalls  7 cancelling
      8 succeeded  9 failed  10 done:succeeded  11 done:failed  12 done:cancelled  13 done:expired  14 watched
      15 parked  16 paused  17 gated  18 laned  19 lanes  20 limits  21 closed
      22 crowded  23 unique  24 keyed  25 rerun  26 large  27 levels  28 high  29 low  30 tags  31 tagged
ARGV  1 channel prefix, then groups of tasks:
      claim token, outcome, ms, "1" if the tasks have events, number of tasks, "1" if they have lanes, then for each:
      id, record [, number of its lane] [, event]
      number of a lane: negative if the task keeps its slot while it waits
      outcome succeeded | failed | cancelled | expired: ms is how long the record stays
      outcome retry | defer: ms is the wait before the next start. defer writes no record
      outcome limited: as retry, but the task stays the first of its lane, which admits nothing for ms
      outcome drop: the task had finished before, only the claim is removed
      event: for a plain Bee-Queue producer that listens
Returns for each task: 1 settled, 0 the claim is not the token's, 2 refused: a cancel was requested, and it would not
      have ended

More keys, if a task has a lane: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantees:
1. Only the token that holds the claim settles, and once.
2. A Redis that is out of memory refuses the first write of a script, and none after it. So the first write is one that
   changes nothing.
3. The slot of a task that has ended, or waits for its next attempt, goes to the next task of its lane. The key of a
   task that has ended is free, or its rerun starts.
Cost: a few commands for a batch, not for each task, and little Lua for each task: workers wait for this script. What is
rare is inside of a condition, with its functions: each function that is made costs as much as a command.
]]
-- @include now
-- @include owner

local is_repeat = { retry = true, defer = true, limited = true }

-- The length of each list is kept beside it: Lua's # has to search for the end.
local groups, group_count, ids, count = {}, 0, {}, 0
local at, last = 2, #ARGV
while at < last do
  local size, has_event, has_lane = tonumber(ARGV[at + 4]), ARGV[at + 3] == '1', ARGV[at + 5] == '1'
  local step = 2 + (has_event and 1 or 0) + (has_lane and 1 or 0)
  local token, outcome, ms = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local group = { token = token, outcome = outcome, ms = ms, step = step, first = count + 1, at = at + 6 }
  group.has_event, group.has_lane = has_event, has_lane
  group_count = group_count + 1
  groups[group_count] = group
  at = at + 6
  for _ = 1, size do
    count = count + 1
    ids[count] = ARGV[at]
    at = at + step
  end
  group.last = count
end

-- In most calls none of these keys exists: a single look shows it.
local nothing_rare = redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7], KEYS[14], KEYS[16], KEYS[24], KEYS[27]) == 0
local function exists(key) return not nothing_rare and redis.call('EXISTS', key) == 1 end
local has_cancels = exists(KEYS[7])
local claims = redis.call('HMGET', KEYS[4], unpack(ids))

-- Everything that is written and removed, collected as the arguments of one command each.
local replies, seen, settled, settled_count = {}, {}, {}, 0
local not_stalled, not_stalled_count, records, records_count, removed, removed_count = {}, 0, {}, 0, {}, 0
local waiting, waiting_count, delayed, delayed_count = {}, 0, {}, 0
local events, events_count = {}, 0
local done_keys = { succeeded = KEYS[10], failed = KEYS[11], cancelled = KEYS[12], expired = KEYS[13] }
local member_keys = { succeeded = KEYS[8], failed = KEYS[9] }
-- Of each outcome of the batch that ends a task.
local terminals = {}

for g = 1, group_count do
  local group = groups[g]
  local token, outcome, ms, step, place = group.token, group.outcome, group.ms, group.step, group.at
  local done = done_keys[outcome]
  if done and not terminals[outcome] then
    terminals[outcome] = { done = done, members = member_keys[outcome], ids = {}, expiries = {}, count = 0 }
  end
  local finished, repeats, known = terminals[outcome], is_repeat[outcome], nil
  local expiry = string.format('%.0f', now + ms)
  for n = group.first, group.last do
    local id, claim = ids[n], claims[n]
    -- Tasks that were claimed together have equal claims: the owner is looked up once.
    if claim and claim ~= known and is_owner(token, claim) then known = claim end
    if not claim or claim ~= known or seen[id] then
      replies[n] = 0
    elseif has_cancels and repeats and redis.call('SISMEMBER', KEYS[7], id) == 1 then
      replies[n] = 2
    else
      if settled_count == 0 then redis.call('HSET', KEYS[4], id, claim) end
      replies[n] = 1
      seen[id] = 1
      settled_count = settled_count + 1
      settled[settled_count] = id
      if outcome ~= 'defer' then -- the attempt finished, and did not kill its worker
        not_stalled_count = not_stalled_count + 1
        not_stalled[not_stalled_count] = id
      end
      if finished and ms <= 0 then
        removed_count = removed_count + 1
        removed[removed_count] = id
      elseif finished or outcome == 'retry' or outcome == 'limited' then
        records[records_count + 1], records[records_count + 2] = id, ARGV[place + 1]
        records_count = records_count + 2
      end
      if finished and ms > 0 then
        local m = finished.count
        finished.ids[m + 1], finished.expiries[2 * m + 1], finished.expiries[2 * m + 2] = id, expiry, id
        finished.count = m + 1
      elseif repeats and ms <= 0 then
        waiting_count = waiting_count + 1
        waiting[waiting_count] = id
      elseif repeats and outcome ~= 'limited' then
        delayed[delayed_count + 1], delayed[delayed_count + 2] = now + ms, id
        delayed_count = delayed_count + 2
      end
      if group.has_event then
        events_count = events_count + 1
        events[events_count] = ARGV[place + step - 1]
      end
    end
    place = place + step
  end
end
if settled_count == 0 then return replies end
if waiting_count > 0 or #KEYS > 31 then
  -- @include enter
  -- @include door
  if exists(KEYS[27]) then use_levels(KEYS[2], KEYS[15], KEYS[28], KEYS[29], KEYS[27]) end
  if #KEYS > 31 then
    -- @include rate
    -- @include lane
    -- @include settle-lanes
  end
  if waiting_count > 0 then enter(nothing_rare and KEYS[2] or door(KEYS[2], KEYS[15], KEYS[16]), waiting) end
end

redis.call('HDEL', KEYS[4], unpack(settled))
if exists(KEYS[5]) then redis.call('HDEL', KEYS[5], unpack(settled)) end
if not_stalled_count > 0 and exists(KEYS[6]) then redis.call('HDEL', KEYS[6], unpack(not_stalled)) end
if has_cancels then redis.call('SREM', KEYS[7], unpack(settled)) end
if records_count > 0 then redis.call('HSET', KEYS[1], unpack(records)) end
if removed_count > 0 then redis.call('HDEL', KEYS[1], unpack(removed)) end
for _, finished in pairs(terminals) do
  if finished.count > 0 then
    if finished.members then redis.call('SADD', finished.members, unpack(finished.ids)) end
    redis.call('ZADD', finished.done, unpack(finished.expiries))
  end
end
if delayed_count > 0 then
  redis.call('ZADD', KEYS[3], unpack(delayed))
  local first_due = delayed[1]
  for i = 3, delayed_count, 2 do first_due = math.min(first_due, delayed[i]) end
  redis.pcall('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', first_due))
end

if exists(KEYS[24]) then
  -- @include large
  -- @include retag
  -- @include unique
  -- @include settle-unique
end

-- A failed task keeps its level: it may be retried by hand.
if exists(KEYS[27]) then
  local ended = {}
  for g = 1, group_count do
    local group = groups[g]
    local has_ended = terminals[group.outcome] and (group.outcome ~= 'failed' or group.ms <= 0)
    for n = group.first, group.last do
      if has_ended and replies[n] == 1 then ended[#ended + 1] = ids[n] end
    end
  end
  if #ended > 0 then redis.call('HDEL', KEYS[27], unpack(ended)) end
end

if exists(KEYS[14]) then
  -- @include publish-many
  local changes = {}
  for g = 1, group_count do
    local group = groups[g]
    for n = group.first, group.last do
      if replies[n] == 1 and group.outcome ~= 'drop' then changes[n] = group.outcome end
    end
  end
  publish_watched(KEYS[14], ARGV[1], ids, changes)
end

for i = 1, events_count do redis.pcall('PUBLISH', ARGV[1] .. 'events', events[i]) end
return replies
