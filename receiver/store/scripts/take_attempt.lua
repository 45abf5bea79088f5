-- Let somebody try once more, unless the last failures were too many for that so soon.
-- KEYS: attempts (hash: n failures in a row, at: when the last one began, in ms)
-- ARGV: now (ms), how long to remember (ms), waits (ms) after 1, 2, 3 ... failures
-- Returns 0 and counts the attempt, or how long to wait (ms) and counts nothing.
local now, kept = tonumber(ARGV[1]), ARGV[2]
local is = redis.call('TYPE', KEYS[1]).ok
if is ~= 'hash' and is ~= 'none' then redis.call('DEL', KEYS[1]) end
local n = tonumber(redis.call('HGET', KEYS[1], 'n')) or 0
local at = tonumber(redis.call('HGET', KEYS[1], 'at')) or 0
if n >= 1 then
  local wait = tonumber(ARGV[math.min(n, #ARGV - 2) + 2])
  -- A clock that was ahead makes nobody wait for longer than that.
  local left = math.min(wait, at + wait - now)
  if left > 0 then return left end
end
redis.call('HSET', KEYS[1], 'n', string.format('%.0f', n + 1), 'at', ARGV[1])
redis.call('PEXPIRE', KEYS[1], kept)
return 0
