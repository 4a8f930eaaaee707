--[[
What a lane holds.

KEYS  1 limits  2 closed
ARGV  1 prefix of keys
Returns { tasks with a slot, ids in its list, limit, when it may go on or 0,
          the task that has the only slot or "", its rates: { max, window in ms, ... },
          of its common lane: { tasks with a slot, limit, when it may go on or 0, max, window in ms, ... }, or {} }

More keys: slots, list, tokens and starts of the lane, and those of its common lane.
]]
-- @include now
-- @include rate
-- @include common-lane
local slots, list = unpack(KEYS, 3)
local name = string.sub(slots, #ARGV[1] + 7)
local max, rates, common_rules = rules_of(KEYS[1], name)
local common = common_at(ARGV[1], name, common_rules)

local function opens_at(lane)
  local opens = tonumber(redis.call('ZSCORE', KEYS[2], lane) or 0)
  return opens > now and opens or 0
end

local function flat(reply, rates)
  for _, rate in ipairs(rates) do reply[#reply + 1], reply[#reply + 2] = rate[1], rate[2] end
  return reply
end

local holder = max == 1 and redis.call('SRANDMEMBER', slots) or ''
local of_task = {}
if common then
  of_task = { redis.call('SCARD', common.slots), common_rules.max, opens_at(string.match(name, '^%S+')) }
  flat(of_task, common.rates)
end
return { redis.call('SCARD', slots), redis.call('LLEN', list), max, opens_at(name), holder, flat({}, rates), of_task }
