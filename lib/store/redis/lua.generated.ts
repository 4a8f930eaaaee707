// Made by scripts/build-lua.mjs from the files in lua/: change those, and run `npm run compile`.
/* eslint-disable */
export const scripts = {
  'add': String.raw`local ids, records, taken = {}, {}, {}
local count = 0
for i = 2, #ARGV, 3 do
  count = count + 1
  ids[count] = ARGV[i]
end
local found = redis.call('HMGET', KEYS[1], unpack(ids))
local replies, waiting, delayed = {}, {}, {}
local record_args, waiting_count, delayed_args, first_due = 0, 0, 0, nil
for n = 1, count do
  local id, record, due = ids[n], ARGV[3 * n], ARGV[3 * n + 1]
  if found[n] or taken[id] then
    replies[n] = 0
  else
    replies[n] = 1
    taken[id] = true
    records[record_args + 1], records[record_args + 2] = id, record
    record_args = record_args + 2
    if due == '' then
      waiting_count = waiting_count + 1
      waiting[waiting_count] = id
    else
      delayed[delayed_args + 1], delayed[delayed_args + 2] = due, id
      delayed_args = delayed_args + 2
      if not first_due or tonumber(due) < tonumber(first_due) then first_due = due end
    end
  end
end
if record_args == 0 then return replies end
redis.call('HSET', KEYS[1], unpack(records))
if waiting_count > 0 then redis.call('LPUSH', KEYS[2], unpack(waiting)) end
if delayed_args > 0 then
  redis.call('ZADD', KEYS[3], unpack(delayed))
  local head = redis.call('ZRANGE', KEYS[3], 0, 0)
  if taken[head[1]] then redis.call('PUBLISH', ARGV[1], first_due) end
end
return replies`,
  'agree-stall-interval': String.raw`local current = redis.call('GET', KEYS[1])
if current and current ~= ARGV[1] and tonumber(current) and redis.call('PTTL', KEYS[1]) > 0 then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2 * ARGV[1])
return ARGV[1]`,
  'cancel': String.raw`local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.call('PUBLISH', prefix .. 'task:' .. id, change) end
end
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return 'unknown' end
if record ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[2], id) == 1 then
  redis.call('SADD', KEYS[3], id)
  redis.call('PUBLISH', ARGV[5] .. 'cancel', id)
  return 'requested'
end
local delayed = redis.call('ZSCORE', KEYS[4], id)
if not delayed and redis.call('LLEN', KEYS[6]) > redis.call('HLEN', KEYS[2]) and redis.call('LPOS', KEYS[6], id) then
  return 'requested'
end
if tonumber(ARGV[4]) <= 0 then
  redis.call('HDEL', KEYS[1], id)
else
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], id, ARGV[3])
  redis.call('ZADD', KEYS[7], now + ARGV[4], id)
end
redis.call('ZREM', KEYS[4], id)
if not delayed and redis.call('LLEN', KEYS[5]) <= 1000 then redis.call('LREM', KEYS[5], 0, id) end
redis.call('HDEL', KEYS[8], id)
redis.call('HDEL', KEYS[9], id)
publish_if_watched(KEYS[10], ARGV[5], id, 'cancelled')
return 'cancelled'`,
  'claim': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function to_claim(token, claimed_at, lease_end)
  return string.format('%-80s', string.format('%s %s %.0f', token, claimed_at, lease_end))
end
local token = ARGV[2]
local reply = { now, -1 }
local claim = to_claim(token, now, now + ARGV[3])
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[6], KEYS[9], KEYS[10]) == 0
local function reclaim()
  local function is_owner(token, claim)
    return claim and string.sub(claim, 1, #token + 1) == token .. ' '
  end
  local all, ids, claims = redis.call('HGETALL', KEYS[5]), {}, {}
  for i = 1, #all, 2 do
    if is_owner(token, all[i + 1]) then
      ids[#ids + 1] = all[i]
      claims[#claims + 1] = all[i]
      claims[#claims + 1] = claim
    end
  end
  if #ids == 0 then return false end
  redis.pcall('HSET', KEYS[5], unpack(claims))
  local records = redis.call('HMGET', KEYS[4], unpack(ids))
  for i, id in ipairs(ids) do
    reply[#reply + 1] = id
    reply[#reply + 1] = records[i]
  end
  return true
end
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
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.call('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local oldest_first, changes = {}, {}
  for i = #ids, 1, -1 do
    oldest_first[#oldest_first + 1] = ids[i]
    changes[#changes + 1] = 'active'
  end
  publish_watched(KEYS[9], ARGV[5], oldest_first, changes)
end
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
  for i = count, 1, -1 do
    local id = ids[i]
    if records[i] and not seen[id] then
      seen[id] = true
      if not all_utf8 and not is_utf8(id) then
        set_aside(id)
      else
        active_count = active_count + 1
        active[active_count] = id
        if claims[i] then
          redis.call('LREM', KEYS[2], 0, id)
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
local tries = mode == 'next' and 500 or 1
while tries > 0 and take() do tries = tries - 1 end
return reply`,
  'counts': String.raw`local counts = { redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]) }
for i = 4, 7 do counts[i] = redis.call('ZCARD', KEYS[i]) end
return counts`,
  'expire-foreign': String.raw`if redis.call('SCARD', KEYS[1]) <= redis.call('ZCARD', KEYS[2]) then return '0' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = now + ARGV[2]
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for _, id in ipairs(page[2]) do redis.call('ZADD', KEYS[2], 'NX', expiry, id) end
return page[1]`,
  'heartbeat': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
if ARGV[2] == '' then gone[#gone + 1] = ARGV[1] end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return #gone`,
  'page': String.raw`local key, after, limit, kind = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local function find(position)
  if redis.call('LINDEX', key, -1 - position) == after then return position end
  local right = math.max(0, position - 1000)
  local near = redis.call('LRANGE', key, -101 - position, -1 - right)
  for i = #near, 1, -1 do
    if near[i] == after then return right + #near - i end
  end
  local at = redis.call('LPOS', key, after, 'RANK', -1)
  return at and redis.call('LLEN', key) - 1 - at
end
if kind == 'list' then
  local found = after ~= '' and find(tonumber(ARGV[4]) or 0)
  local first = found and found + 1 or 0
  local ids = redis.call('LRANGE', key, -first - limit, -1 - first)
  local page = { first + #ids - 1 }
  for i = #ids, 1, -1 do page[#page + 1] = ids[i] end
  return page
end
local rank = after ~= '' and redis.call(kind == 'asc' and 'ZRANK' or 'ZREVRANK', key, after)
local first = rank and rank + 1 or 0
local ids = redis.call(kind == 'asc' and 'ZRANGE' or 'ZREVRANGE', key, first, first + limit - 1)
return { first + #ids - 1, unpack(ids) }`,
  'prune': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local removed = 0
for i = 4, 7 do
  local ids = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #ids > 0 then
    redis.call('ZREM', KEYS[i], unpack(ids))
    for _, id in ipairs(ids) do
      if i > 5 or redis.call('SREM', KEYS[i - 2], id) == 1 then redis.call('HDEL', KEYS[1], id) end
    end
    removed = removed + #ids
  end
end
return removed`,
  'purge': String.raw`local removed = 0
local function remove(ids)
  for _, id in ipairs(ids) do
    if redis.call('HEXISTS', KEYS[5], id) == 0 then
      removed = removed + redis.call('HDEL', KEYS[1], id)
      redis.call('HDEL', KEYS[4], id)
    end
  end
end
remove(redis.call('RPOP', KEYS[2], ARGV[1]) or {})
local delayed = redis.call('ZPOPMIN', KEYS[3], ARGV[1])
local ids = {}
for i = 1, #delayed, 2 do ids[#ids + 1] = delayed[i] end
remove(ids)
return { removed, redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) }`,
  'read-task': String.raw`local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return false end
local claim = redis.call('HGET', KEYS[2], id)
local delayed = redis.call('ZSCORE', KEYS[3], id)
local held = 0
if not claim and not delayed and redis.call('LLEN', KEYS[5]) > redis.call('HLEN', KEYS[2])
  and redis.call('LPOS', KEYS[5], id) then
  held = 1
end
return { record, claim or '', delayed or '', redis.call('HGET', KEYS[4], id) or '', held }`,
  'recover': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function to_claim(token, claimed_at, lease_end)
  return string.format('%-80s', string.format('%s %s %.0f', token, claimed_at, lease_end))
end
local requeued, exhausted = {}, {}
local LIMIT = 1000
local function count_stall(id)
  local before = tonumber(redis.call('HGET', KEYS[6], id) or 0)
  if not before or not (before >= 0 and before < 1000000) then before = 0 end
  return math.floor(before) + 1
end
local function requeue(id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('SREM', KEYS[3], id)
  redis.call('HDEL', KEYS[9], id)
  redis.call('LPUSH', KEYS[1], id)
  requeued[#requeued + 1] = id
end
local function claim_for_caller(id, record, stalls)
  redis.call('LPUSH', KEYS[2], id)
  redis.call('HSET', KEYS[5], id, to_claim(ARGV[1], now, now + ARGV[2]))
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
  local stalls = count_stall(id)
  redis.call('HSET', KEYS[6], id, stalls)
  if redis.call('LREM', KEYS[2], 0, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
  local record = redis.call('HGET', KEYS[7], id)
  if not record then
    forget(id)
  elseif stalls > tonumber(ARGV[3]) or redis.call('SISMEMBER', KEYS[8], id) == 1 then
    claim_for_caller(id, record, stalls)
  else
    requeue(id)
  end
end
local function check(id, claim)
  local claimed_at, lease_end = string.match(claim, ' (%d+) (%d+)')
  lease_end = tonumber(lease_end)
  if not lease_end or lease_end > now + 2 * ARGV[2] then
    local token = string.match(claim, '^([^ ]+) ') or 'nobody'
    redis.call('HSET', KEYS[5], id, to_claim(token, claimed_at or now, now + ARGV[2]))
  elseif lease_end <= now then
    take_back(id)
    return true
  end
  return false
end
local claims, taken = redis.call('HGETALL', KEYS[5]), 0
for i = 1, #claims, 2 do
  if taken == LIMIT then break end
  if check(claims[i], claims[i + 1]) then taken = taken + 1 end
end
if redis.call('PTTL', KEYS[4]) == -1 then redis.call('DEL', KEYS[4]) end
if redis.call('SET', KEYS[4], '1', 'PX', ARGV[2], 'NX') then
  local active = redis.call('LRANGE', KEYS[2], 0, -1)
  for _, id in ipairs(active) do
    if redis.call('HEXISTS', KEYS[5], id) == 1 then
      redis.call('SREM', KEYS[3], id)
    elseif redis.call('SISMEMBER', KEYS[3], id) == 1 then
      redis.call('LREM', KEYS[2], 0, id)
      if redis.call('HEXISTS', KEYS[7], id) == 1 then requeue(id) else redis.call('SREM', KEYS[3], id) end
    else
      redis.call('SADD', KEYS[3], id)
    end
  end
end
return { requeued, exhausted }`,
  'release': String.raw`local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.call('PUBLISH', prefix .. 'task:' .. id, change) end
end
local replies = {}
for i = #ARGV - 1, 2, -2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[3], id)
  local code = 1
  if not is_owner(token, claim) then
    code = 0
  elseif redis.call('SISMEMBER', KEYS[6], id) == 1 then
    code = 2
  else
    redis.call('HSET', KEYS[3], id, claim)
    if redis.call('LREM', KEYS[2], -1, id) == 0 then redis.call('LREM', KEYS[1], 0, id) end
    redis.call('HDEL', KEYS[3], id)
    redis.call('SREM', KEYS[4], id)
    redis.call('HDEL', KEYS[5], id)
    redis.call('RPUSH', KEYS[1], id)
    publish_if_watched(KEYS[7], ARGV[1], id, 'waiting')
  end
  replies[i / 2] = code
end
return replies`,
  'remove': String.raw`local id = ARGV[1]
if redis.call('HEXISTS', KEYS[1], id) == 0 then return 'unknown' end
if redis.call('HEXISTS', KEYS[2], id) == 1 then return 'active' end
redis.call('HDEL', KEYS[1], id)
if redis.call('LLEN', KEYS[3]) <= 1000 then redis.call('LREM', KEYS[3], 0, id) end
redis.call('ZREM', KEYS[4], id)
redis.call('SREM', KEYS[5], id)
redis.call('SREM', KEYS[6], id)
redis.call('HDEL', KEYS[7], id)
redis.call('HDEL', KEYS[8], id)
for i = 9, 12 do redis.call('ZREM', KEYS[i], id) end
return 'removed'`,
  'renew': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function to_claim(token, claimed_at, lease_end)
  return string.format('%-80s', string.format('%s %s %.0f', token, claimed_at, lease_end))
end
local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local lease_end = now + ARGV[1]
local replies = {}
for i = 2, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local claim = redis.call('HGET', KEYS[1], id)
  if is_owner(token, claim) then
    local claimed_at = string.match(claim, ' (%d+)') or '0'
    redis.call('HSET', KEYS[1], id, to_claim(token, claimed_at, lease_end))
    redis.call('SREM', KEYS[2], id)
    replies[#replies + 1] = redis.call('SISMEMBER', KEYS[3], id) == 1 and 2 or 1
  else
    replies[#replies + 1] = 0
  end
end
return replies`,
  'retry': String.raw`local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.call('PUBLISH', prefix .. 'task:' .. id, change) end
end
local id = ARGV[1]
if redis.call('HGET', KEYS[1], id) ~= ARGV[2] then return 'changed' end
if redis.call('SISMEMBER', KEYS[2], id) == 0 then return 'refused' end
redis.call('HSET', KEYS[1], id, ARGV[3])
redis.call('LPUSH', KEYS[4], id)
redis.call('SREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
publish_if_watched(KEYS[5], ARGV[4], id, 'waiting')
return 'queued'`,
  'settle': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local groups, group_count, ids, count = {}, 0, {}, 0
local at, last = 2, #ARGV
while at < last do
  local size, step = tonumber(ARGV[at + 4]), ARGV[at + 3] == '1' and 3 or 2
  local token, outcome, ms = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local group = { token = token, outcome = outcome, ms = ms, step = step, first = count + 1, at = at + 5 }
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
local nothing_rare = redis.call('EXISTS', KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[16]) == 0
local function exists(key) return not nothing_rare and redis.call('EXISTS', key) == 1 end
local has_cancels = exists(KEYS[7])
local claims = redis.call('HMGET', KEYS[4], unpack(ids))
local replies, seen, settled, settled_count = {}, {}, {}, 0
local not_stalled, not_stalled_count, records, records_count, removed, removed_count = {}, 0, {}, 0, {}, 0
local waiting, waiting_count, delayed, delayed_count = {}, 0, {}, 0
local events, events_count = {}, 0
local function terminal(done, members) return { done = done, members = members, ids = {}, expiries = {}, count = 0 } end
local terminals = {
  succeeded = terminal(KEYS[12], KEYS[10]),
  failed = terminal(KEYS[13], KEYS[11]),
  cancelled = terminal(KEYS[14]),
  expired = terminal(KEYS[15])
}
for g = 1, group_count do
  local group = groups[g]
  local token, outcome, ms, step, place = group.token, group.outcome, group.ms, group.step, group.at
  local finished, repeats, known = terminals[outcome], outcome == 'retry' or outcome == 'defer', nil
  local expiry = string.format('%.0f', now + ms)
  for n = group.first, group.last do
    local id, claim = ids[n], claims[n]
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
      if outcome ~= 'defer' then
        not_stalled_count = not_stalled_count + 1
        not_stalled[not_stalled_count] = id
      end
      if finished and ms <= 0 then
        removed_count = removed_count + 1
        removed[removed_count] = id
      elseif finished or outcome == 'retry' then
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
      elseif repeats then
        delayed[delayed_count + 1], delayed[delayed_count + 2] = now + ms, id
        delayed_count = delayed_count + 2
      end
      if step == 3 then
        events_count = events_count + 1
        events[events_count] = ARGV[place + 2]
      end
    end
    place = place + step
  end
end
if settled_count == 0 then return replies end
local function is_tail()
  if settled_count < 2 then return false end
  local tail = redis.call('LRANGE', KEYS[2], -settled_count, -1)
  for i = 1, settled_count do
    local id = tail[i]
    if not id or seen[id] ~= 1 then return false end
    seen[id] = 2
  end
  return true
end
if is_tail() then
  redis.call('LTRIM', KEYS[2], 0, -settled_count - 1)
else
  for i = 1, settled_count do
    if redis.call('LREM', KEYS[2], -1, settled[i]) == 0 then redis.call('LREM', KEYS[8], 0, settled[i]) end
  end
end
redis.call('HDEL', KEYS[4], unpack(settled))
if exists(KEYS[3]) then redis.call('SREM', KEYS[3], unpack(settled)) end
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
if waiting_count > 0 then redis.call('LPUSH', KEYS[8], unpack(waiting)) end
if delayed_count > 0 then
  redis.call('ZADD', KEYS[9], unpack(delayed))
  local first_due = delayed[1]
  for i = 3, delayed_count, 2 do first_due = math.min(first_due, delayed[i]) end
  redis.call('PUBLISH', ARGV[1] .. 'earlierDelayed', string.format('%.0f', first_due))
end
local function publish_outcomes()
  local function publish_watched(watched, prefix, ids, changes)
    local marks = redis.call('ZMSCORE', watched, unpack(ids))
    for i = 1, #ids do
      if marks[i] and changes[i] then redis.call('PUBLISH', prefix .. 'task:' .. ids[i], changes[i]) end
    end
  end
  local changes = {}
  for g = 1, group_count do
    local group = groups[g]
    for n = group.first, group.last do
      if replies[n] == 1 and group.outcome ~= 'drop' then changes[n] = group.outcome end
    end
  end
  publish_watched(KEYS[16], ARGV[1], ids, changes)
end
if exists(KEYS[16]) then publish_outcomes() end
for i = 1, events_count do redis.call('PUBLISH', ARGV[1] .. 'events', events[i]) end
return replies`,
  'update-progress': String.raw`local function is_owner(token, claim)
  return claim and string.sub(claim, 1, #token + 1) == token .. ' '
end
local function publish_if_watched(watched, prefix, id, change)
  if redis.call('ZSCORE', watched, id) then redis.call('PUBLISH', prefix .. 'task:' .. id, change) end
end
if not is_owner(ARGV[2], redis.call('HGET', KEYS[1], ARGV[1])) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
publish_if_watched(KEYS[3], ARGV[4], ARGV[1], 'progress')
return 1`,
  'watch': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local marks = {}
for i = 2, #ARGV do
  marks[#marks + 1] = now + ARGV[1]
  marks[#marks + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(marks))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[1])`,
  'workers': String.raw`local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, ARGV[1])
local reply = {}
if #ids == 0 then return reply end
for i, report in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
  if report then
    reply[#reply + 1] = ids[i]
    reply[#reply + 1] = report
  end
end
return reply`
}

export type ScriptName = keyof typeof scripts
