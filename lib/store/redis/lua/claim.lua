--[[
Moves the delayed tasks that are due to waiting, then takes up to `free` waiting tasks for one worker.

KEYS  1 waiting  2 active  3 delayed  4 jobs  5 claims  6 stalls  7 failed  8 done:failed  9 watched  10 cancelledWaits
ARGV  1 free slots  2 claim token  3 lease (ms)  4 how  5 channel prefix
      how: "now"; "again" after a lost reply; "next" behind a wait on the same connection; "cancel-wait" where that one was cut
Returns { now (ms, Redis' clock), time of the next delayed task or -1, id, record, id, record, ... }

Guarantee: a task is claimed by one token at a time. An id whose record is gone is dropped; an id that is held by a
live claim (a plain Bee-Queue worker's stall check put it back) goes to active again and is not claimed twice.
An id that is not UTF-8 is set aside as failed, for a day: no worker could name it, and so nobody could settle it.
Asking again with the same token returns the same tasks, and takes no more.
A wait outlives a connection that was cut without a word, and what stands behind it too: "cancel-wait" returns what its token
claimed, and from then on the token claims nothing.
A task whose worker went away comes alone: if it is what ends workers, it takes none along that was not started.
Additions come before removals: a Redis that is out of memory refuses additions, and nothing is rolled back.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token = ARGV[2]
local reply = { now, -1 }
-- Padded: a hash with a value of more than 64 bytes is a hash table. As a list each look would search 512 claims.
local stamp = string.format('%-80s', string.format('%s %.0f %.0f', token, now, now + ARGV[3]))
-- Mostly there is none of these: then one look says so.
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[6], KEYS[9], KEYS[10]) == 0

-- For another lease: who asks is about to start them.
local function resume()
  local held, ids, stamps = redis.call('HGETALL', KEYS[5]), {}, {}
  for i = 1, #held, 2 do
    if string.sub(held[i + 1], 1, #token + 1) == token .. ' ' then
      ids[#ids + 1] = held[i]
      stamps[#stamps + 1] = held[i]
      stamps[#stamps + 1] = stamp
    end
  end
  if #ids == 0 then return false end
  redis.pcall('HSET', KEYS[5], unpack(stamps)) -- out of memory: for what is left of the old one
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  return true
end

-- For longer than any wait lasts. Where Redis is out of memory it is refused, as the claim would be: nobody waits for room.
local function cancel_wait()
  redis.pcall('ZADD', KEYS[10], now + 60000, token)
  redis.pcall('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
  redis.call('PEXPIRE', KEYS[10], 60000)
end

local function is_wait_cancelled()
  return not nothing_rare and type(redis.pcall('ZSCORE', KEYS[10], token)) == 'string'
end

local function promote()
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 1000)
  if #due > 0 then
    redis.call('LPUSH', KEYS[1], unpack(due))
    redis.call('ZREM', KEYS[3], unpack(due))
  end
  local head = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  if head[2] then reply[2] = tonumber(head[2]) end
end

local function until_suspect(ids)
  if #ids == 0 or nothing_rare or redis.call('EXISTS', KEYS[6]) == 0 then return ids end
  local stalls = redis.call('HMGET', KEYS[6], unpack(ids))
  local first = #ids
  if not stalls[first] then
    while first > 1 and not stalls[first - 1] do first = first - 1 end
  end
  return { unpack(ids, first) }
end

local sequences = {
  '[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]', '[\225-\236\238\239][\128-\191][\128-\191]', '\237[\128-\159][\128-\191]',
  '\240[\144-\191][\128-\191][\128-\191]', '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]'
}

local function is_text(id)
  if not string.find(id, '[\128-\255]') then return true end
  for _, sequence in ipairs(sequences) do id = string.gsub(id, sequence, ' ') end
  return not string.find(id, '[\128-\255]')
end

local function set_aside(id)
  redis.call('HSET', KEYS[4], id, string.format('{"data":{"name":"unknown"},"options":{"timestamp":%.0f},"status":"failed","finishedAt":%.0f,'
    .. '"error":{"name":"Error","message":"The id of the task is not UTF-8","code":"FST_TASKS_RECORD_INVALID"}}', now, now))
  redis.call('SADD', KEYS[7], id)
  redis.call('ZADD', KEYS[8], now + 86400000, id)
end

local function tell(ids)
  if nothing_rare or redis.call('EXISTS', KEYS[9]) == 0 then return end
  local watched = redis.call('ZMSCORE', KEYS[9], unpack(ids))
  for i = #ids, 1, -1 do
    if watched[i] then redis.call('PUBLISH', ARGV[5] .. 'task:' .. ids[i], 'active') end
  end
end

-- Returns whether there were some, and none to claim.
local function take()
  local free = tonumber(ARGV[1])
  local ids = until_suspect(free > 0 and redis.call('LRANGE', KEYS[1], -free, -1) or {})
  local count = #ids
  if count == 0 then return false end
  local claims = redis.call('HMGET', KEYS[5], unpack(ids))
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  local all_text = is_text(table.concat(ids, ' '))
  local active, stamps, seen = {}, {}, {}
  local going, claimed = 0, 0
  for i = count, 1, -1 do -- the right end is the old one
    local id = ids[i]
    if records[i] and not seen[id] then
      seen[id] = true
      if not all_text and not is_text(id) then
        set_aside(id)
      else
        going = going + 1
        active[going] = id
        if claims[i] then
          redis.call('LREM', KEYS[2], 0, id) -- it is added again below
        else
          local at = 2 * claimed
          stamps[at + 1], stamps[at + 2] = id, stamp
          reply[at + 3], reply[at + 4] = id, records[i]
          claimed = claimed + 1
        end
      end
    end
  end
  if going > 0 then redis.call('LPUSH', KEYS[2], unpack(active)) end
  if claimed > 0 then
    redis.call('HSET', KEYS[5], unpack(stamps))
  end
  redis.call('LTRIM', KEYS[1], 0, -count - 1)
  tell(ids)
  return claimed == 0
end

local how = ARGV[4]
if how == 'next' and is_wait_cancelled() then return reply end
if how == 'again' and resume() then return reply end
if how == 'cancel-wait' then
  cancel_wait()
  resume()
  return reply
end
if not nothing_rare then promote() end
-- A wait takes one at a time: what only stands in the list must not take a round trip each.
local tries = how == 'next' and 500 or 1
while tries > 0 and take() do tries = tries - 1 end
return reply
