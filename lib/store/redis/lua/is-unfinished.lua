--[[
Says whether a task has not ended.

KEYS  1 jobs  2 succeeded  3 failed  4 done:succeeded  5 done:failed  6 done:cancelled  7 done:expired
ARGV  1 id
Returns 1 if it has not ended, 0 if it has, or is unknown
]]
-- @include is-unfinished
return is_unfinished(ARGV[1], KEYS[1], 2) and 1 or 0
