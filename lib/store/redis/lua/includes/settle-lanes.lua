--[[
The part of settle.lua for tasks with a lane.

Defines gate, which it uses: slots that are free go to the next tasks
]]
local gate = { gated = KEYS[17], lanes = KEYS[19], limits = KEYS[20] }
local gone, laned = {}, {}
for g = 1, group_count do
  local group = groups[g]
  local outcome, lane = group.outcome, math.abs(group.lane)
  local waits = (outcome == 'retry' or outcome == 'defer') and group.ms > 0
  if lane > 0 and (waits and group.lane > 0 or terminals[outcome] or outcome == 'drop') then
    gone[lane] = gone[lane] or {}
    for n = group.first, group.last do
      if replies[n] == 1 then
        table.insert(gone[lane], ids[n])
        if waits then
          laned[#laned + 1], laned[#laned + 2] = ids[n], string.sub(KEYS[26 + 2 * lane], #ARGV[1] + 7)
        end
      end
    end
  end
end
if #laned > 0 then redis.call('HSET', KEYS[18], unpack(laned)) end
local list = door(KEYS[2], KEYS[15], KEYS[16])
for lane, freed in pairs(gone) do
  move_lane(list, gate, ARGV[1], KEYS[26 + 2 * lane], KEYS[27 + 2 * lane], {}, freed)
end
