-- Let groups of one sender open incidents, as many as its quota has left within the last minute.
-- Asked again of a group, it says the same: duplicates and replicas take nothing twice.
-- KEYS: quota (zset: group -> when it was let, in ms)
-- ARGV: now (ms), most a minute, groups...
-- Returns 1 or 0 for each group.
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local minute, differ = 60000, 10000
local is = redis.call('TYPE', KEYS[1]).ok
if is ~= 'zset' and is ~= 'none' then redis.call('DEL', KEYS[1]) end
-- What was written further ahead than replicas differ was written by a clock that was wrong.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - minute)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + differ, '+inf')
local used, answers = redis.call('ZCARD', KEYS[1]), {}
for place = 3, #ARGV do
  local known = redis.call('ZSCORE', KEYS[1], ARGV[place])
  if not known and used < most then
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[place])
    known, used = true, used + 1
  end
  answers[#answers + 1] = known and 1 or 0
end
redis.call('PEXPIRE', KEYS[1], minute + differ)
return answers
