-- Write how many incidents are open, if every record is still the one that was counted.
-- KEYS: open, active, heal, then the record of each incident that was counted
-- ARGV: job that is done with this, then for each of them: id, version, field it counts in ('': none)
-- Returns the ids that have to be read (again); none: it is written.
local call = redis.call
local known, counts, again = {}, {}, {}
for i = 4, #KEYS do
  local at = (i - 4) * 3 + 1
  local id, version, field = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  known[id] = true
  if call('GETRANGE', KEYS[i], 0, 15) ~= version then
    again[#again + 1] = id
  elseif field ~= '' then
    counts[field] = (counts[field] or 0) + 1
  end
end
for _, id in ipairs(call('ZRANGE', KEYS[1], 0, -1)) do
  if not known[id] then again[#again + 1] = id end
end
if #again > 0 then return again end
call('DEL', KEYS[2])
for field, number in pairs(counts) do call('HSET', KEYS[2], field, number) end
call('SREM', KEYS[3], ARGV[1])
return again
