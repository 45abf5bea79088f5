-- Let nobody take from a budget before a time. Of several such times the latest counts: answers of
-- calls that were under way together come in any order. One further ahead than a service may ask
-- for was written by a clock that was wrong.
-- KEYS: budget (see take_budget)
-- ARGV: until (ms), how long the key is kept (ms), the latest time there may be (ms)
-- Returns until when it is blocked now (ms).
local known = redis.call('HGET', KEYS[1], 'blocked')
local latest = ARGV[1]
if known and tonumber(known) > tonumber(latest) and tonumber(known) <= tonumber(ARGV[3]) then
  latest = known
end
redis.call('HSET', KEYS[1], 'blocked', latest)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return latest
