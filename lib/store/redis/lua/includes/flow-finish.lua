--[[
The part of flow-step.lua for what follows by itself, a slice at a time: there may be more.

Defines start_sealed(), skip_all(), drop_pending(), start_finally(), end_flow()
]]
-- What was ready while the flow was being built waits for its records: W. Since the seal they are written.
local function start_sealed()
  local ready = redis.call('SRANDMEMBER', KEYS[15], SLICE)
  for _, join in ipairs(ready) do on_written(join) end
  if #ready == SLICE then more = 1 end
end

-- Nodes behind one that failed never start.
local function skip_all()
  local left = SLICE
  local before = redis.call('HGET', KEYS[6], 'skips')
  for join in string.gmatch(before or '', '[^,]+') do skips[#skips + 1] = join end
  local n = 1
  while n <= #skips and left > 0 do
    local targets = string.match(redis.call('HGET', KEYS[8], skips[n]) or '', '^(%S+)') or ''
    n = n + 1
    for node in string.gmatch(targets, '[^,]+') do
      if redis.call('SREM', KEYS[10], node) == 1 then
        left, moved = left - 1, 1
        redis.call('HSET', KEYS[13], node, 'skipped')
        local _, _, joins = read_node(node)
        skip_joins(joins or '')
      end
    end
  end
  if n <= #skips then
    more = 1
    redis.call('HSET', KEYS[6], 'skips', table.concat(skips, ',', n))
  elseif before then
    redis.call('HDEL', KEYS[6], 'skips')
  end
end

local function drop_pending()
  local dropped, names = {}, redis.call('SRANDMEMBER', KEYS[10], SLICE)
  for i, node in ipairs(names) do dropped[2 * i - 1], dropped[2 * i] = node, 'cancelled' end
  if #names == 0 then return end
  moved = 1
  redis.call('HSET', KEYS[13], unpack(dropped))
  redis.call('SREM', KEYS[10], unpack(names))
  more = redis.call('EXISTS', KEYS[10])
end

local function end_flow()
  local found = redis.call('HMGET', KEYS[6], 'record', 'cause', 'code', 'message', 'attempt', 'started', 'ttl', 'final')
  local record, ttl, outcome = found[1], tonumber(found[7]), found[2] or 'succeeded'
  local total = redis.call('HLEN', KEYS[7])
  local progress = string.format('{"done":%d,"total":%d}', total, total)
  local failed = found[3] and found[3] ~= '' and ',"error":' .. cjson.encode({
    name = 'FastifyError', code = found[3], message = found[4]
  }) or ''
  local started = tonumber(found[6]) <= now and ',"startedAt":' .. found[6] or '' -- cancelled before it was due
  set_state('ended')
  redis.call('HSET', KEYS[6], 'finished', now)
  if ttl > 0 then
    redis.call('HSET', KEYS[1], id, string.format(
      '%s,"progress":%s,"stage":null,"attempt":%s%s%s,"finishedAt":%.0f,"status":"%s"}',
      record, progress, found[5], failed, started, now, outcome))
    redis.call('ZADD', KEYS[4], string.format('%.0f', now + ttl), id)
  else
    redis.call('HDEL', KEYS[1], id)
  end
  redis.call('UNLINK', KEYS[12])
  ends = 1
  publish_if_watched(KEYS[2], ARGV[2], id, outcome)
end

-- It may live as long as the flow might: it runs also behind a flow that has lived too long.
local function start_finally()
  set_state('finally')
  local deadline = string.format('%.0f', now + redis.call('HGET', KEYS[6], 'life'))
  redis.call('HSET', KEYS[6], 'final', 2, 'deadline', deadline)
  redis.call('SADD', KEYS[9], 'finally')
  redis.call('SADD', KEYS[12], 'Nfinally')
  entries[#entries + 1] = 'Nfinally'
end
