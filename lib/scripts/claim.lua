--[[
Moves the delayed tasks that are due to waiting, then takes up to `free` waiting tasks for one worker.

KEYS  1 waiting  2 active  3 delayed  4 jobs  5 claims  6 leases  7 stalls  8 failed  9 done:failed  10 watched  11 revoked
ARGV  1 free slots  2 claim token: worker, ".", number  3 lease (ms)  4 how  5 channel prefix
      how: "now"; "again" after a lost reply; "next" behind a wait on the same connection; "revoke" where that one was cut
Returns { now (ms, Redis' clock), time of the next delayed task or -1, id, record, id, record, ... }

Guarantee: a task is claimed by one token at a time. An id whose record is gone is dropped; an id that is held by a
live claim (a plain Bee-Queue worker's stall check put it back) goes to active again and is not claimed twice.
An id that is not UTF-8 is set aside as failed, for a day: no worker could name it, and so nobody could settle it.
Asking again with the same token returns the same tasks, and takes no more.
A wait outlives a connection that was cut without a word, and what stands behind it too: "revoke" returns what its token
claimed, and from then on the token claims nothing.
A task whose worker went away comes alone: if it is what ends workers, it takes none along that was not started.
Additions come before removals: a Redis that is out of memory refuses additions, and nothing is rolled back.
]]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token = ARGV[2]
local reply = { now, -1 }
-- Mostly there is none of these: then one look says so.
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[7], KEYS[10], KEYS[11]) == 0

local function resume()
  local held, ids = redis.call('HGETALL', KEYS[5]), {}
  for i = 1, #held, 2 do
    if string.sub(held[i + 1], 1, #token + 1) == token .. ' ' then ids[#ids + 1] = held[i] end
  end
  if #ids == 0 then return false end
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  return true
end

-- For longer than any wait lasts.
local function revoke()
  redis.call('ZADD', KEYS[11], now + 60000, token)
  redis.call('ZREMRANGEBYSCORE', KEYS[11], '-inf', now)
  redis.call('PEXPIRE', KEYS[11], 60000)
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
  if #ids == 0 or nothing_rare or redis.call('EXISTS', KEYS[7]) == 0 then return ids end
  local stalls = redis.call('HMGET', KEYS[7], unpack(ids))
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
    .. '"error":{"name":"Error","message":"The id of the task is not UTF-8","code":"TASK_RECORD_INVALID"}}', now, now))
  redis.call('SADD', KEYS[8], id)
  redis.call('ZADD', KEYS[9], now + 86400000, id)
end

local function tell(ids)
  if nothing_rare or redis.call('EXISTS', KEYS[10]) == 0 then return end
  local watched = redis.call('ZMSCORE', KEYS[10], unpack(ids))
  for i = #ids, 1, -1 do
    if watched[i] then redis.call('PUBLISH', ARGV[5] .. 'task:' .. ids[i], 'active') end
  end
end

local function take()
  local free = tonumber(ARGV[1])
  local ids = until_suspect(free > 0 and redis.call('LRANGE', KEYS[1], -free, -1) or {})
  local count = #ids
  if count == 0 then return end
  local claims = redis.call('HMGET', KEYS[5], unpack(ids))
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  local all_text = is_text(table.concat(ids, ' '))
  -- Padded: a hash with a value of more than 64 bytes is a hash table. As a list each look would search 512 claims.
  local stamp = string.format('%s %.0f %64s', token, now, '')
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
    redis.call('ZADD', KEYS[6], now + ARGV[3], string.match(token, '^(.*)%.'))
    redis.call('PEXPIRE', KEYS[6], 86400000) -- nothing stays for ever; a claim without a lease gets one, see recover
  end
  redis.call('LTRIM', KEYS[1], 0, -count - 1)
  tell(ids)
end

local how = ARGV[4]
if how == 'next' and not nothing_rare and redis.call('ZSCORE', KEYS[11], token) then return reply end
if how == 'again' and resume() then return reply end
if how == 'revoke' then
  revoke()
  resume()
  return reply
end
if not nothing_rare then promote() end
take()
return reply
