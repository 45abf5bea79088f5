-- Take one call out of a budget, or a place in its queue. A more urgent level goes first: while one
-- of its tasks waits, less urgent ones are refused.
-- KEYS: budget (hash: next, blocked; for each level n: until<n>, when its last waiter is due, and
--       tail<n>, the last place given)
-- ARGV: now, level (1 is the most urgent), ms between two calls, ms that may be saved up,
--       how far ahead a place may be (ms)
-- Returns 0, or the time (ms) to come back at.
local now, level, interval = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local saved, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
local grace, kept = 500, 1200000
local function field(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
local blocked, next_at = field('blocked'), field('next')
local free_at = math.max(blocked, next_at - saved)
local ahead = 0
for n = 1, level - 1 do ahead = math.max(ahead, field('until' .. n)) end
if free_at <= now and ahead <= now then
  redis.call('HSET', KEYS[1], 'next', string.format('%.0f', math.max(next_at, now) + interval))
  redis.call('PEXPIRE', KEYS[1], kept)
  return 0
end
local first = math.max(now + 1, free_at, ahead - grace)
local place = math.max(first, field('tail' .. level) + interval)
if place > first + horizon then place = first + (place - first) % horizon end
redis.call('HSET', KEYS[1], 'tail' .. level, string.format('%.0f', place),
  'until' .. level, string.format('%.0f', math.max(field('until' .. level), place + grace)))
redis.call('PEXPIRE', KEYS[1], kept)
return string.format('%.0f', place)
