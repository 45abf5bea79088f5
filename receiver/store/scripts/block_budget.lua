-- Let nobody take from a budget before a time, and note that something waits for its next attempt. Of
-- several such times the latest counts: answers of calls that were under way together come in any
-- order. One further ahead than a service may ask for was written by a clock that was wrong.
-- KEYS: budget (see take_budget)
-- ARGV: until (ms), until when something waits (ms), how long the key is kept (ms), the latest time
--       there may be (ms)
local is = redis.call('TYPE', KEYS[1]).ok
if is ~= 'hash' and is ~= 'none' then redis.call('DEL', KEYS[1]) end
local function raise(name, at)
  local known = tonumber(redis.call('HGET', KEYS[1], name) or '0')
  local later = known and known >= tonumber(at) and known <= tonumber(ARGV[4])
  if not later then redis.call('HSET', KEYS[1], name, at) end
end
raise('blocked', ARGV[1])
raise('waiting', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
