--[[
Claims up to `free` waiting tasks for one worker.

KEYS  1 waiting  2 active  3 delayed  4 jobs  5 claims  6 stalls  7 failed  8 done:failed  9 watched  10 cancelledWaits
      11 leftovers  12 leases  13 tick  14 handoff  15 lastClaims  16 large  17 paused  18 parked  19 returning
      20 high  21 low  22 levels
ARGV  1 free slots  2 claim token  3 worker id  4 mode  5 channel prefix
      mode: "now" | "again" after a lost reply | "next" behind a blocking wait on the same connection
            | "cancel-wait" if that connection was cut
Returns { now (ms), 0 if the lease of the worker had expired: other claims of it may have been taken back, else 1,
          1 if more tasks wait, else 0, id, record, id, record, ...
          how often the task stalled, if the only one that was claimed did }

Guarantees:
1. A task is claimed by one token at a time. An id in waiting is a hint: it is dropped if it has no record, a claim, a
   due time to come, or a finished record that a cancel left in a long list.
2. "again" with the same token returns the same tasks, and takes no more.
3. A blocking wait can outlive its connection, and so can the claim behind it. "cancel-wait" returns what the token
   claimed. From then on the token claims nothing.
   A wait moves one id to handoff, so that one task wakes one worker. The claim behind it moves one id back. If that
   claim does not come, the next one does it: behind another wait, or one that finds less in waiting than it may take.
4. A task that stalled before is claimed alone. If it kills its worker, no other task that was not started dies with it.
5. An id that is not UTF-8 is set aside as failed, for one day: a worker could not name it, so it could not settle it.
6. What is paused is not claimed: its ids are moved to parked.
7. High tasks come first, then normal ones, then low ones, each in their order. In one claim of 16 one low and one
   normal task come first: neither waits for ever.
8. Writes come before removals. A Redis that is out of memory refuses writes, and rolls nothing back.
Cost: that of the tasks it returns, and at most some 2 MiB of records, or one record. What is rare is inside of a
condition or a function, with its own functions: each function that is made costs as much as a command.
]]
-- @include now
-- @include claim
-- @include lease
-- @include push
-- @include read-records
local token, mode = ARGV[2], ARGV[4]
local reply = { now, 1, 0 }
local claim = to_claim(token, now)
-- In most calls none of these keys exists: a single look shows it.
local rare = redis.call('EXISTS', KEYS[3], KEYS[6], KEYS[9], KEYS[10], KEYS[11], KEYS[14], KEYS[17], KEYS[19], KEYS[20],
  KEYS[21])
local nothing_rare = rare == 0

-- A worker has at most two claims on their way: one that does not block, and one behind a wait.
local NOW, WAIT = ' now', ' wait'

-- Claims the tasks of the token again: the caller is about to start them.
local function reclaim()
  -- @include owner
  -- The ids that the token claimed.
  local function claimed_before()
    for _, packed in ipairs(redis.call('HMGET', KEYS[15], ARGV[3] .. NOW, ARGV[3] .. WAIT)) do
      local is_packed, last = pcall(cmsgpack.unpack, packed or '')
      if is_packed and type(last) == 'table' and last.token == token then return last.ids end
    end
    return {}
  end
  local before, ids, claims = claimed_before(), {}, {}
  local owners = #before > 0 and redis.call('HMGET', KEYS[5], unpack(before)) or {}
  for i, id in ipairs(before) do
    if is_owner(token, owners[i]) then
      ids[#ids + 1] = id
      claims[#claims + 1] = id
      claims[#claims + 1] = claim
    end
  end
  if #ids == 0 then return false end
  redis.pcall('HSET', KEYS[5], unpack(claims)) -- if Redis is out of memory, the old time of the claim stays
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  if #ids == 1 and not nothing_rare then reply[#reply + 1] = redis.call('HGET', KEYS[6], ids[1]) or nil end
  return true
end

-- Puts the oldest ids of handoff back.
local function take_back(count)
  local ids = count > 0 and redis.call('LRANGE', KEYS[14], -count, -1) or {}
  for _, id in ipairs(ids) do redis.call('RPUSH', KEYS[1], id) end
  if #ids > 0 then redis.call('LTRIM', KEYS[14], 0, -count - 1) end
end

-- The oldest ids up to the first one that stalled before, or that one alone if it is the oldest, and how often it did.
local function before_stalled(ids)
  if #ids == 0 or nothing_rare or redis.call('EXISTS', KEYS[6]) == 0 then return ids end
  local stalls = redis.call('HMGET', KEYS[6], unpack(ids))
  local first = #ids
  if not stalls[first] then
    while first > 1 and not stalls[first - 1] do first = first - 1 end
  end
  return { unpack(ids, first) }, stalls[first]
end

local function is_utf8(id)
  -- Mostly all is ASCII. One match of all bytes takes half as long as a search for another byte at each place.
  if string.find(id, '^[^\128-\255]*$') then return true end
  local sequences = {
    '[\194-\223][\128-\191]',
    '\224[\160-\191][\128-\191]',
    '[\225-\236\238\239][\128-\191][\128-\191]',
    '\237[\128-\159][\128-\191]',
    '\240[\144-\191][\128-\191][\128-\191]',
    '[\241-\243][\128-\191][\128-\191][\128-\191]',
    '\244[\128-\143][\128-\191][\128-\191]'
  }
  for _, sequence in ipairs(sequences) do id = string.gsub(id, sequence, ' ') end
  return not string.find(id, '[\128-\255]')
end

local function set_aside(id)
  local record = '{"data":{"name":"unknown"},"options":{"timestamp":%.0f},"status":"failed","finishedAt":%.0f,'
    .. '"error":{"name":"Error","message":"The id of the task is not UTF-8","code":"FST_TASKS_RECORD_INVALID"}}'
  redis.call('HSET', KEYS[4], id, string.format(record, now, now))
  redis.call('SADD', KEYS[7], id)
  redis.call('ZADD', KEYS[8], now + 86400000, id)
end

local function publish_active(ids)
  if nothing_rare or redis.call('EXISTS', KEYS[9]) == 0 then return end
  -- @include publish-many
  local changes = {}
  for i = 1, #ids do changes[i] = 'active' end
  publish_watched(KEYS[9], ARGV[5], ids, changes)
end

-- An id that is left over from a removed task may be that of a new one, which runs elsewhere or has ended too.
local function is_left_over(id, record)
  -- @include status
  local status = status_of(record)
  if status == 'succeeded' or status == 'failed' or status == 'cancelled' or status == 'expired' then return true end
  return redis.call('LLEN', KEYS[2]) > 0 and redis.call('LPOS', KEYS[2], id) ~= false
end

-- What speaks against running the ids of waiting: { due times, marks of ids that are left over }.
local function doubts(ids)
  if nothing_rare then return {}, {} end
  local due = redis.call('EXISTS', KEYS[3]) == 1 and redis.call('ZMSCORE', KEYS[3], unpack(ids)) or {}
  return due, redis.call('EXISTS', KEYS[11]) == 1 and redis.call('HMGET', KEYS[11], unpack(ids)) or {}
end

-- Whether the queue is paused, and the names that are, nil if there is none.
local is_paused, paused_names = false, nil
if not nothing_rare then
  for _, field in ipairs(redis.call('HKEYS', KEYS[17])) do
    if field == '' then
      is_paused = true
    else
      paused_names = paused_names or {}
      paused_names[string.sub(field, 3)] = true
    end
  end
end

local function is_name_paused(record)
  local name = string.match(record, '^{"data":{"name":"([^"\\]*)"')
  if not name then
    -- @include decode
    local value = decode(record)
    local data = type(value) == 'table' and value.data
    name = type(data) == 'table' and data.name
  end
  return name and paused_names[name]
end

-- What this call has claimed so far, and whether that is a task that stalled before.
local total, all_claimed, is_alone = 0, {}, false

-- Claims up to `free` tasks of a list. Returns whether ids were taken from it.
local function take(list, free)
  local ids, stalls = before_stalled(free > 0 and redis.call('LRANGE', list, -free, -1) or {})
  local count = #ids
  if count == 0 or stalls and total > 0 then return false end
  local claims = redis.call('HMGET', KEYS[5], unpack(ids))
  local records, first = read_last_records(KEYS[4], KEYS[16], ids)
  local due, marks = doubts(ids)
  local all_utf8 = is_utf8(table.concat(ids, ' '))
  local claimed, seen, dropped, oldest_first, parked = {}, {}, {}, {}, {}
  local claimed_count, before = 0, 2 * total
  for i = count, first, -1 do -- the oldest is at the right end
    local id, record = ids[i], records[i]
    if not record or claims[i] or due[i] or seen[id] or (marks[i] and is_left_over(id, record)) then
      if marks[i] then dropped[#dropped + 1] = id end
    elseif not all_utf8 and not is_utf8(id) then
      set_aside(id)
    elseif paused_names and is_name_paused(record) then
      seen[id] = true
      parked[#parked + 1] = id
    else
      seen[id] = true
      local at = 2 * claimed_count
      claimed[at + 1], claimed[at + 2] = id, claim
      reply[before + at + 4], reply[before + at + 5] = id, record
      claimed_count = claimed_count + 1
      oldest_first[claimed_count] = id
      all_claimed[total + claimed_count] = id
    end
  end
  if claimed_count > 0 then
    redis.call('HSET', KEYS[5], unpack(claimed))
    local kind = ARGV[3] .. (mode == 'next' and WAIT or NOW)
    local last = cmsgpack.pack({ token = token, ids = all_claimed })
    if redis.call('HSET', KEYS[15], kind, last) == 1 then redis.call('PEXPIRE', KEYS[15], 86400000) end
    if not renew_lease(KEYS[12], KEYS[13], ARGV[3]) then reply[2] = 0 end
  end
  if paused_names then push(KEYS[18], parked) end
  redis.call('LTRIM', list, 0, first - count - 2)
  if #dropped > 0 then
    -- @include leftover
    for _, id in ipairs(dropped) do drop_leftover(KEYS[11], id) end
  end
  if claimed_count > 0 then publish_active(oldest_first) end
  if claimed_count > 0 and stalls then reply[6] = stalls end
  is_alone = claimed_count > 0 and stalls ~= nil
  total = total + claimed_count
  return true
end

-- As take, from high, waiting and low.
local function take_by_level(_, free)
  -- How many of the next ids of waiting are of high tasks: those that came when it was empty. They are the oldest.
  local function count_high()
    local ids = free > 0 and redis.call('LRANGE', KEYS[1], -free, -1) or {}
    local levels, count = #ids > 0 and redis.call('HMGET', KEYS[22], unpack(ids)) or {}, 0
    while count < #ids and levels[#ids - count] == 'h' do count = count + 1 end
    return count
  end
  local found = false
  local function take_from(list, most)
    local room = math.min(most, free - total)
    local is_over = is_alone or found and total == 0 -- the caller tries again
    if room > 0 and not is_over and take(list, room) then found = true end
  end
  if redis.call('HINCRBY', KEYS[22], '', 1) % 16 == 0 then
    take_from(KEYS[21], 1)
    take_from(KEYS[1], 1)
  end
  take_from(KEYS[1], count_high())
  for _, list in ipairs({ KEYS[20], KEYS[1], KEYS[21] }) do take_from(list, free) end
  return found
end

local has_levels = not nothing_rare and redis.call('EXISTS', KEYS[20], KEYS[21]) > 0

local take_next = has_levels and take_by_level or take
local free = tonumber(ARGV[1])
if not nothing_rare then take_back(mode == 'now' and free - redis.call('LLEN', KEYS[1]) or 1) end
local is_cancelled = mode == 'next' and not nothing_rare and type(redis.pcall('ZSCORE', KEYS[10], token)) == 'string'
if is_cancelled then return reply end
if mode == 'again' and reclaim() then return reply end
if mode == 'cancel-wait' then
  -- For longer than any wait lasts. If Redis is out of memory it refuses this mark, and the claim of the wait as well.
  redis.pcall('ZADD', KEYS[10], now + 60000, token)
  redis.pcall('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
  redis.call('PEXPIRE', KEYS[10], 60000)
  reclaim()
  return reply
end
-- A wait takes one task. Ids without a task to claim must not cost a round trip each.
local tries = mode == 'next' and 500 or paused_names and 50 or 1
if not nothing_rare then
  -- @include move-oldest
  if is_paused then move_oldest(KEYS[1], KEYS[18], 1000) else move_oldest(KEYS[19], KEYS[1], 1000) end
end
while not is_paused and tries > 0 and total == 0 and take_next(KEYS[1], free) do tries = tries - 1 end
if has_levels and not is_paused then
  -- @include wake
  wake(KEYS[1], KEYS[20], KEYS[21])
end
reply[3] = redis.call('EXISTS', KEYS[1])
if reply[3] == 0 and not nothing_rare then
  if not is_paused then reply[3] = redis.call('EXISTS', KEYS[19]) end
  if redis.call('EXISTS', KEYS[14], KEYS[18], KEYS[19], KEYS[20], KEYS[21]) == 0 then redis.call('UNLINK', KEYS[11]) end
end
return reply
