-- Bring forward what waits for its next attempt, of one name. What is leased, and what waits for
-- nothing but its time, is left alone.
-- KEYS: task, due:<lane> of every lane   ARGV: now (ms), name, how many entries to look at per lane
-- Returns how many came due by it.
local woken, tail = 0, '|' .. ARGV[2]
for lane = 2, #KEYS do
  local found = redis.call('ZRANGEBYSCORE', KEYS[lane], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[3])
  for _, member in ipairs(found) do
    local kept = string.sub(member, -#tail) == tail and redis.call('HGET', KEYS[1], member)
    if kept then
      local want, token, after = string.match(kept, '^(%d+)|([^|]*)|%d+|(%d+)$')
      if token == '' and tonumber(after) > tonumber(ARGV[1]) then
        redis.call('ZADD', KEYS[lane], ARGV[1], member)
        redis.call('HSET', KEYS[1], member, want .. '||0|0')
        woken = woken + 1
      end
    end
  end
end
return woken
