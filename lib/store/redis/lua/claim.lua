--[[
Moves delayed tasks that are due to waiting, then claims up to `free` waiting tasks for one worker.

KEYS  1 waiting  2 active  3 delayed  4 jobs  5 claims  6 stalls  7 failed  8 done:failed  9 watched  10 cancelledWaits
ARGV  1 free slots  2 claim token  3 lease (ms)  4 mode  5 channel prefix
      mode: "now" | "again" after a lost reply | "next" behind a blocking wait on the same connection
            | "cancel-wait" if that connection was cut
Returns { now (ms), due time of the next delayed task or -1, id, record, id, record, ... }

Guarantees:
1. A task is claimed by one token at a time. An id without a record is dropped. An id that is claimed already (the
   stall check of a plain Bee-Queue queued it again) goes back to active and is not claimed twice.
2. "again" with the same token returns the same tasks, and takes no more.
3. A blocking wait can outlive its connection, and so can the claim behind it. "cancel-wait" returns what the token
   claimed. From then on the token claims nothing.
4. A task that stalled before is claimed alone. If it kills its worker, no other task that was not started dies with it.
5. An id that is not UTF-8 is set aside as failed, for one day: a worker could not name it, so it could not settle it.
6. Writes come before removals. A Redis that is out of memory refuses writes, and rolls nothing back.
]]
-- @include now
-- @include claim
local token = ARGV[2]
local reply = { now, -1 }
local claim = to_claim(token, now, now + ARGV[3])
-- In most calls none of these keys exists: a single look shows it.
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[6], KEYS[9], KEYS[10]) == 0

-- Claims the tasks of the token again, for a whole lease: the caller is about to start them.
local function reclaim()
  -- @include owner
  local all, ids, claims = redis.call('HGETALL', KEYS[5]), {}, {}
  for i = 1, #all, 2 do
    if is_owner(token, all[i + 1]) then
      ids[#ids + 1] = all[i]
      claims[#claims + 1] = all[i]
      claims[#claims + 1] = claim
    end
  end
  if #ids == 0 then return false end
  redis.pcall('HSET', KEYS[5], unpack(claims)) -- if Redis is out of memory, the old lease goes on
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  return true
end

-- For longer than any wait lasts. If Redis is out of memory it refuses this mark, and the claim of the wait as well.
local function cancel_wait()
  redis.pcall('ZADD', KEYS[10], now + 60000, token)
  redis.pcall('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
  redis.call('PEXPIRE', KEYS[10], 60000)
end

local function is_wait_cancelled()
  return not nothing_rare and type(redis.pcall('ZSCORE', KEYS[10], token)) == 'string'
end

local function queue_due_tasks()
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 1000)
  if #due > 0 then
    redis.call('LPUSH', KEYS[1], unpack(due))
    redis.call('ZREM', KEYS[3], unpack(due))
  end
  local head = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  if head[2] then reply[2] = tonumber(head[2]) end
end

-- The oldest ids up to the first one that stalled before, or that one alone if it is the oldest.
local function before_stalled(ids)
  if #ids == 0 or nothing_rare or redis.call('EXISTS', KEYS[6]) == 0 then return ids end
  local stalls = redis.call('HMGET', KEYS[6], unpack(ids))
  local first = #ids
  if not stalls[first] then
    while first > 1 and not stalls[first - 1] do first = first - 1 end
  end
  return { unpack(ids, first) }
end

local sequences = {
  '[\194-\223][\128-\191]',
  '\224[\160-\191][\128-\191]',
  '[\225-\236\238\239][\128-\191][\128-\191]',
  '\237[\128-\159][\128-\191]',
  '\240[\144-\191][\128-\191][\128-\191]',
  '[\241-\243][\128-\191][\128-\191][\128-\191]',
  '\244[\128-\143][\128-\191][\128-\191]'
}

local function is_utf8(id)
  if not string.find(id, '[\128-\255]') then return true end
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
  local oldest_first, changes = {}, {}
  for i = #ids, 1, -1 do
    oldest_first[#oldest_first + 1] = ids[i]
    changes[#changes + 1] = 'active'
  end
  publish_watched(KEYS[9], ARGV[5], oldest_first, changes)
end

-- Returns true if ids were taken from the queue, but none of them could be claimed.
local function take()
  local free = tonumber(ARGV[1])
  local ids = before_stalled(free > 0 and redis.call('LRANGE', KEYS[1], -free, -1) or {})
  local count = #ids
  if count == 0 then return false end
  local claims = redis.call('HMGET', KEYS[5], unpack(ids))
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  local all_utf8 = is_utf8(table.concat(ids, ' '))
  local active, claimed, seen = {}, {}, {}
  local active_count, claimed_count = 0, 0
  for i = count, 1, -1 do -- the oldest is at the right end
    local id = ids[i]
    if records[i] and not seen[id] then
      seen[id] = true
      if not all_utf8 and not is_utf8(id) then
        set_aside(id)
      else
        active_count = active_count + 1
        active[active_count] = id
        if claims[i] then
          redis.call('LREM', KEYS[2], 0, id) -- it is pushed again below
        else
          local at = 2 * claimed_count
          claimed[at + 1], claimed[at + 2] = id, claim
          reply[at + 3], reply[at + 4] = id, records[i]
          claimed_count = claimed_count + 1
        end
      end
    end
  end
  if active_count > 0 then redis.call('LPUSH', KEYS[2], unpack(active)) end
  if claimed_count > 0 then
    redis.call('HSET', KEYS[5], unpack(claimed))
  end
  redis.call('LTRIM', KEYS[1], 0, -count - 1)
  publish_active(ids)
  return claimed_count == 0
end

local mode = ARGV[4]
if mode == 'next' and is_wait_cancelled() then return reply end
if mode == 'again' and reclaim() then return reply end
if mode == 'cancel-wait' then
  cancel_wait()
  reclaim()
  return reply
end
if not nothing_rare then queue_due_tasks() end
-- A wait takes one task. Ids without a task to claim must not cost a round trip each.
local tries = mode == 'next' and 500 or 1
while tries > 0 and take() do tries = tries - 1 end
return reply
