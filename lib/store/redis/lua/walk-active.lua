--[[
Reads one page of the ids of active tasks in no order; with the last one come those that plain Bee-Queue workers hold.

KEYS  1 claims  2 active
ARGV  1 cursor of the scan, "0" at first  2 the last id that was seen behind it, "" for none  3 how many ids, about
Returns { next cursor ("0": no more pages), id, the cursor of its bucket, id, the cursor of its bucket, ... }

Guarantee: a task that stays active is on at least one page, whatever comes and goes.
]]
-- @include scan-active
local cursor, most, page = ARGV[1], tonumber(ARGV[3]), {}
repeat
  local next_cursor, ids = scan_active(cursor)
  for i = index_of(ids, ARGV[2]) + 1, #ids do page[#page + 1], page[#page + 2] = ids[i], cursor end
  cursor = next_cursor
until cursor == '0' or #page >= 2 * most
return { cursor, unpack(page) }
