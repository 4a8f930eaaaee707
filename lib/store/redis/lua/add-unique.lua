--[[
Stores new tasks that are enqueued once for a key, with a limit or without. As add-gated, but a task is stored only if
no task stands for its key.

KEYS  1 jobs  2 waiting  3 delayed  4 claims  5 stalls  6 progress  7 cancelling  8 succeeded  9 failed
      10 done:succeeded  11 done:failed  12 done:cancelled  13 done:expired  14 large  15 parked  16 paused
      17 gated  18 laned  19 lanes  20 limits  21 closed  22 crowded  23 active  24 unique  25 keyed
      26 rerun  27 watched  28 high  29 low  30 levels  31 tags  32 tagged  33 leftovers  34 returning
ARGV  1 prefix of keys and channels  2 "1" if the ids are the caller's own, then for each task: id, record, due time (ms
      since 1970, "" for at once), number of its lane (0: none), key, what a conflict does (keep | replace | rerun
      | debounce), scope (waiting | unfinished | ms; of debounce the wait in ms), maxWait in ms, "" for none,
      level (h | l, "" for normal), tags with a blank between them
Returns for each task: 1 stored, 0 the id is taken, "=" and the id of the task that stands for its key, or "!" and that
      id: it could not be replaced, as it has another lane

More keys: slots, list, tokens and starts of lane 1, of lane 2 and so on.
Guarantees:
1. A key points to one task. It counts only while the record of that task has it, and the task is in a state that its
   scope covers. So a task that is gone, or has ended in whatever way, holds up no other one.
2. A task is replaced only while nobody runs it. It stays the same task: its id, and the time of its enqueue.
3. The task, its key, its place in a list and in the index of tags are one step.
]]
-- @include now
-- @include enter
-- @include door
-- @include leave
-- @include large
-- @include rate
-- @include lane
-- @include publish
-- @include is-unfinished
-- @include retag
-- @include leftover
-- @include unique
-- @include decode
use_levels(KEYS[2], KEYS[15], KEYS[28], KEYS[29], KEYS[30])
local prefix = ARGV[1]
local gate = gate_at(17)
local door_now = door(KEYS[2], KEYS[15], KEYS[16])
local earlier = nil

-- The options and the status of a record. Its data may be long: mostly it is not decoded.
local function facts_of(record)
  local from = string.match(record, '^.*"options":({"timestamp":.*)$')
  local value = from and decode('{"options":' .. from) or decode(record)
  if type(value) ~= 'table' or type(value.options) ~= 'table' then return {} end
  return value.options, value.status
end

local function is_running(id)
  if redis.call('HEXISTS', KEYS[4], id) == 1 then return true end
  return redis.call('LLEN', KEYS[23]) > 0 and redis.call('LPOS', KEYS[23], id) ~= false
end

-- The task that stands for a key, whatever its state. Nil if there is none, or if its id belongs to another task now.
local function standing_of(key)
  local value = redis.call('HGET', KEYS[24], key)
  local id, till = id_of(value)
  local record = id and redis.call('HGET', KEYS[1], id)
  if not record then return nil end
  local options, status = facts_of(record)
  if options.unique ~= key then return nil end
  local task = { id = id, till = till, options = options, status = status }
  task.is_running = is_running(id)
  task.has_ended = not is_unfinished(id, KEYS[1], 8)
  task.due = redis.call('ZSCORE', KEYS[3], id)
  return task
end

local function is_covered(task, rule)
  local open = not task.has_ended and not task.is_running
  local expires = tonumber(task.options.expires)
  -- One that is tried again has started in time.
  if open and task.status == 'created' and expires and expires <= now then return false end
  if rule.conflict == 'debounce' then return open and task.due ~= false and task.status ~= 'retrying' end
  if open and (task.status == 'retrying' or rule.scope == 'waiting') then return true end
  if rule.scope == 'waiting' then return false end
  if rule.scope == 'unfinished' then return not task.has_ended end
  -- Not for longer than it says: the clock may have been set back.
  local counts = task.till > now and task.till <= now + tonumber(rule.scope)
  return counts and task.status ~= 'cancelled' and task.status ~= 'expired'
end

-- A record with the time and the nonce of the task before: who has a handle of that one still finds it.
local function same_life(record, options)
  local head, tail = string.match(record, '^(.*"options":{"timestamp":)%d+(.*)$')
  local nonce = type(options.nonce) == 'string' and string.match(options.nonce, '^[%x-]+$')
  local stamp = string.format('%.0f', tonumber(options.timestamp) or now)
  return head .. stamp .. (nonce and ',"nonce":"' .. nonce .. '"' or '')
    .. string.gsub(tail, ',"nonce":"[%x-]+"', '', 1)
end

local function announce(due)
  if not earlier or tonumber(due) < tonumber(earlier) then earlier = due end
end

local function delay(id, due, lane)
  redis.call('ZADD', KEYS[3], due, id)
  if lane == '' then
    redis.call('HDEL', KEYS[18], id)
  else
    redis.call('HSET', KEYS[18], id, lane)
  end
  announce(due)
end

local function set_level(id, level)
  if level == '' then
    redis.call('HDEL', KEYS[30], id)
  else
    redis.call('HSET', KEYS[30], id, level)
  end
end

-- The list of a task that is queued is that of its level: it goes behind the others of its new one.
local function move_to_level(id, level)
  local before = redis.call('HGET', KEYS[30], id) or ''
  set_level(id, level)
  if before == level or redis.call('ZSCORE', KEYS[17], id) then return end
  unqueue(KEYS[33], { id }, { KEYS[2], KEYS[15], KEYS[34], KEYS[28], KEYS[29] })
  enter(door_now, { id })
end

-- options: those of the task that has the time of its enqueue.
local function index_tags(id, new, options)
  retag(KEYS[31], KEYS[32], id, new.tags, tonumber(options.timestamp) or now)
end

-- When the task that is replaced is due.
local function due_again(task, new, rule)
  if rule.conflict ~= 'debounce' then return new.due == '' and string.format('%.0f', now) or new.due end
  local due = now + tonumber(rule.scope)
  if rule.longest ~= '' then due = math.min(due, task.till + tonumber(rule.longest)) end
  return string.format('%.0f', due)
end

-- A task that is queued has its slot, or its place, in its lane. So has an ordered one between two attempts, whether it
-- needs a token to start again or not.
local function replace(task, new, rule)
  local lane = task.options.lane or ''
  local is_placed = not task.due or lane ~= '' and redis.call('HEXISTS', KEYS[18], task.id) == 0
  local is_bound = is_placed or task.options.ordered == true
  if is_bound and lane ~= new.lane then return '!' .. task.id end
  redis.call('HSET', KEYS[1], task.id, same_life(new.record, task.options))
  if #new.record >= LARGE then mark_large(KEYS[14]) end
  index_tags(task.id, new, task.options)
  if task.due then
    set_level(task.id, new.level)
    delay(task.id, due_again(task, new, rule), is_placed and '' or new.lane)
  else
    move_to_level(task.id, new.level)
  end
  redis.call('HDEL', KEYS[26], task.id)
  publish_if_watched(KEYS[27], prefix, task.id, task.due and 'delayed' or 'waiting')
  return '=' .. task.id
end

local function on_conflict(task, new, rule)
  if task.has_ended or rule.conflict == 'keep' or task.is_running and rule.conflict ~= 'rerun' then
    return '=' .. task.id
  end
  if not task.is_running then return replace(task, new, rule) end
  if new.tags ~= '' then new.timestamp = facts_of(new.record).timestamp end
  redis.call('HSET', KEYS[26], task.id, cmsgpack.pack(new))
  redis.call('HSET', KEYS[25], task.id, rule.key)
  return '=' .. task.id
end

local function store(new, rule, number)
  redis.call('HSETNX', KEYS[1], new.id, new.record)
  if #new.record >= LARGE then mark_large(KEYS[14]) end
  if ARGV[2] == '1' then
    leave(3, { new.id })
    redis.call('HDEL', KEYS[18], new.id)
  end
  if new.level ~= '' or ARGV[2] == '1' then set_level(new.id, new.level) end
  if new.tags ~= '' or ARGV[2] == '1' then index_tags(new.id, new, facts_of(new.record)) end
  local till = rule.conflict == 'debounce' and now or now + (tonumber(rule.scope) or -now)
  redis.call('HSET', KEYS[24], rule.key, string.format('%.0f ', till) .. new.id)
  redis.call('HSET', KEYS[25], new.id, rule.key)
  if rule.conflict == 'debounce' then
    delay(new.id, string.format('%.0f', now + tonumber(rule.scope)), new.lane)
  elseif new.due ~= '' then
    delay(new.id, new.due, new.lane)
  elseif number == 0 then
    enter(door_now, { new.id })
  else
    local gone = ARGV[2] == '1' and { new.id } or nil
    move_lane(door_now, gate, prefix, lane_at(31 + 4 * number), { arrivals = { new.id }, gone = gone, ran = gone })
  end
  return 1
end

-- An id of the caller's own may be that of a task that is gone, whose key nobody has freed yet.
local function free_key_of(id)
  local key = ARGV[2] == '1' and redis.call('HGET', KEYS[25], id)
  if not key then return end
  local keys = {
    unique = KEYS[24], keyed = KEYS[25], rerun = KEYS[26], jobs = KEYS[1], delayed = KEYS[3], laned = KEYS[18],
    large = KEYS[14], levels = KEYS[30], tags = KEYS[31], tagged = KEYS[32]
  }
  end_keyed(keys, prefix, id, key)
end

local replies = {}
for i = 3, #ARGV, 10 do
  local number = tonumber(ARGV[i + 3])
  local lane = number > 0 and string.sub(KEYS[31 + 4 * number], #prefix + 7) or ''
  local new = { id = ARGV[i], record = ARGV[i + 1], due = ARGV[i + 2], lane = lane, level = ARGV[i + 8] }
  new.tags = ARGV[i + 9]
  local rule = { key = ARGV[i + 4], conflict = ARGV[i + 5], scope = ARGV[i + 6], longest = ARGV[i + 7] }
  if redis.call('HEXISTS', KEYS[1], new.id) == 1 then
    replies[#replies + 1] = 0
  else
    free_key_of(new.id)
    local task = standing_of(rule.key)
    replies[#replies + 1] = task and is_covered(task, rule) and on_conflict(task, new, rule) or store(new, rule, number)
  end
end
if earlier then redis.pcall('PUBLISH', prefix .. 'earlierDelayed', earlier) end
return replies
