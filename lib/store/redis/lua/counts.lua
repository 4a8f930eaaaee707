--[[
Counts the tasks of a queue by state.

KEYS  1 waiting  2 leftovers  3 delayed  4 claims  5 active  6 succeeded  7 failed  8 done:cancelled  9 done:expired
      10 handoff  11 parked  12 returning  13 paused  14 gated  15 high  16 low
ARGV  1 unused
Returns how many are waiting, delayed, active, succeeded, failed, cancelled, expired; then { what is paused }
]]
-- @include by-state
return by_state
