-- Make tasks due now that were put off wrongly, if they still are as they were found.
-- KEYS: task, due:<lane> of every lane   ARGV: now (ms), then for each task: member, its state
-- Returns how many were.
local call = redis.call
local pulled = 0
for i = 2, #ARGV, 2 do
  local member = ARGV[i]
  if call('HGET', KEYS[1], member) == ARGV[i + 1] then
    call('HSET', KEYS[1], member, string.match(ARGV[i + 1], '^%d+') .. '||0|0')
    for lane = 2, #KEYS do call('ZADD', KEYS[lane], 'XX', ARGV[1], member) end
    pulled = pulled + 1
  end
end
return pulled
