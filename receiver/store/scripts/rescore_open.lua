-- Give open incidents the scores of their records, each only if its record is still the one that the
-- score was worked out from.
-- KEYS 1: open; then the record of each incident
-- ARGV for each incident: id, version of the record, score
-- Returns how many were moved.
local moved = 0
for i = 2, #KEYS do
  local at = (i - 2) * 3
  if redis.call('GETRANGE', KEYS[i], 0, 15) == ARGV[at + 2] then
    moved = moved + redis.call('ZADD', KEYS[1], 'XX', 'CH', ARGV[at + 3], ARGV[at + 1])
  end
end
return moved
