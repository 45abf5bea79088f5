-- Lease tasks that are due, oldest first. The score of a leased task is the end of its lease, so
-- that a task whose worker died comes due again by itself.
-- KEYS: due:<lane>, task   ARGV: now, lease token, end of lease, limit (times in ms)
-- Returns a flat list: member, want, due time, ...
local claimed = {}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #found, 2 do
  local member, kept = found[i], redis.call('HGET', KEYS[2], found[i])
  local want, after = '0', '0'
  if kept then want, after = string.match(kept, '^(%d+)|[^|]*|%d+|(%d+)$') end
  redis.call('ZADD', KEYS[1], ARGV[3], member)
  redis.call('HSET', KEYS[2], member, want .. '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. after)
  claimed[#claimed + 1] = member
  claimed[#claimed + 1] = want
  claimed[#claimed + 1] = found[i + 1]
end
return claimed
