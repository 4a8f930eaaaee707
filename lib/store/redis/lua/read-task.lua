--[[
Reads everything that is stored about a task.

KEYS  1 jobs  2 claims  3 delayed  4 progress  5 active  6 paused  7 gated
ARGV  1 id
Returns false, or { record, claim or "", due time of a delayed task or "", stage and progress or "",
      1 if a plain Bee-Queue worker holds the task, else 0,
      1 if it waits for a slot of its lane, else 0, what is paused: "" for the queue, "n:" and a name, ... }

Cost: does not depend on the length of the queue. active has only what plain Bee-Queue workers run.
]]
local id = ARGV[1]
local record = redis.call('HGET', KEYS[1], id)
if not record then return false end
local claim = redis.call('HGET', KEYS[2], id)
local delayed = redis.call('ZSCORE', KEYS[3], id)
local held, gated, paused = 0, 0, {}
if not claim and not delayed and redis.call('EXISTS', KEYS[5], KEYS[6], KEYS[7]) > 0 then
  if redis.call('LPOS', KEYS[5], id) then held = 1 end
  if redis.call('ZSCORE', KEYS[7], id) then gated = 1 end
  paused = redis.call('HKEYS', KEYS[6])
end
return { record, claim or '', delayed or '', redis.call('HGET', KEYS[4], id) or '', held, gated, unpack(paused) }
