-- Write how many incidents are open, if every record is still the one that was counted.
-- KEYS: the fixed ones (K, from script_keys.py), then the record of each incident that was counted
-- ARGV: job that is done with this, then for each of them: id, version, field it counts in ('': none)
-- Returns the ids that have to be read (again); none: it is written.
local call = redis.call
local known, counts, again = {}, {}, {}
for i = FIXED + 1, #KEYS do
  local at = (i - FIXED - 1) * 3 + 1
  local id, version, field = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  known[id] = true
  if call('GETRANGE', KEYS[i], 0, 15) ~= version then
    again[#again + 1] = id
  elseif field ~= '' then
    counts[field] = (counts[field] or 0) + 1
  end
end
for _, id in ipairs(call('ZRANGE', KEYS[K.open], 0, -1)) do
  if not known[id] then again[#again + 1] = id end
end
if #again > 0 then return again end
call('DEL', KEYS[K.active])
for field, number in pairs(counts) do call('HSET', KEYS[K.active], field, number) end
call('SREM', KEYS[K.heal], ARGV[1])
return again
