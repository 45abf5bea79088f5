-- Read what is stored about the incidents of claimed tasks, all as of one time: how long a timeline
-- is has to fit what is read of it, or an entry that comes in between would be told twice.
-- KEYS: for each task: record, receipts, timeline
-- ARGV: how many entries of its timeline to read, the latest, for each task; '0' for none of it
-- Returns for each task: record (nil for none), receipts (field, value, ...), length of the timeline,
-- its last entries. False in the place of what is of another type.
local function read(command, key, ...)
  local found = redis.pcall(command, key, ...)
  return not (type(found) == 'table' and found.err) and found
end

local rows = {}
for i, most in ipairs(ARGV) do
  local record, receipts, timeline = KEYS[i * 3 - 2], KEYS[i * 3 - 1], KEYS[i * 3]
  local row = {redis.pcall('GET', record), read('HGETALL', receipts), 0, {}}
  -- GET answers false for what is not there.
  if type(row[1]) == 'table' then row[1], row[2] = '', false end
  if most ~= '0' then
    row[3], row[4] = read('LLEN', timeline), read('LRANGE', timeline, '-' .. most, '-1')
  end
  rows[i] = row
end
return rows
