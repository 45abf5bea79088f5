-- Lease tasks by name, due or not, unless somebody else holds them.
-- KEYS: due:<lane>, task   ARGV: now, lease token, end of lease (times in ms), members ...
-- Returns a flat list of those leased: member, want, due time, ...
local claimed = {}
for i = 4, #ARGV do
  local member = ARGV[i]
  local score, kept = redis.call('ZSCORE', KEYS[1], member), redis.call('HGET', KEYS[2], member)
  if score and kept then
    local want, token, till, after = string.match(kept, '^(%d+)|([^|]*)|(%d+)|(%d+)$')
    if want and (token == '' or tonumber(till) <= tonumber(ARGV[1])) then
      redis.call('ZADD', KEYS[1], ARGV[3], member)
      redis.call('HSET', KEYS[2], member, want .. '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. after)
      claimed[#claimed + 1] = member
      claimed[#claimed + 1] = want
      claimed[#claimed + 1] = score
    end
  end
end
return claimed
