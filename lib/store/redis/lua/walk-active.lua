--[[
Reads one page of the ids of active tasks in no order; with the last one come those that plain Bee-Queue workers hold.

KEYS  1 claims  2 active
ARGV  1 cursor of the scan, "0" at first  2 the last id that was seen of this page, "" for none  3 how many ids, about
Returns { next cursor ("0": no more pages), id, id, ... }

Guarantee: a task that stays active is on at least one page.
]]
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[3])
local ids, after = {}, 0
for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end
table.sort(ids) -- a hash that grows has them in another order
if page[1] == '0' then
  for _, id in ipairs(redis.call('LRANGE', KEYS[2], -1000, -1)) do
    if redis.call('HEXISTS', KEYS[1], id) == 0 then ids[#ids + 1] = id end
  end
end
for i = 1, #ids do
  if ids[i] == ARGV[2] then after = i end
end
return { page[1], unpack(ids, after + 1) }
