-- Take one call out of a budget, or a place in its queue. A more urgent level goes first: while one
-- of its tasks waits, less urgent ones are refused. A time further ahead than this script ever
-- writes one was written by a clock that was wrong, and holds up nobody.
-- KEYS: budget (hash: next, blocked, waiting: until when something waits for its next attempt; for
--       each level n: until<n>, when its last waiter is due, and tail<n>, the last place given)
-- ARGV: now, level (1 is the most urgent), ms between two calls (0: no limit), ms that may be saved
--       up, how far ahead a place may be (ms), how far ahead it may be blocked (ms), 1 when this
--       call heeds "blocked"
-- Returns {0, or the time (ms) to come back at; 1 when something waits for a call that works}.
local now, level, interval = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local saved, horizon, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local grace, kept = 500, 1200000
-- What the clocks of two replicas may differ by.
local differ = 10000
-- A budget is worth nothing after some minutes: one that cannot be read begins anew.
local is = redis.call('TYPE', KEYS[1]).ok
if is ~= 'hash' and is ~= 'none' then redis.call('DEL', KEYS[1]) end
local function field(name, latest)
  local at = tonumber(redis.call('HGET', KEYS[1], name) or '0')
  return at and at >= 0 and at <= latest + differ and at or 0
end
local blocked = field('blocked', now + longest)
local troubled = math.max(blocked, field('waiting', now + longest)) > now and 1 or 0
if ARGV[7] == '0' then blocked = 0 end
local next_at = field('next', now + saved + interval)
local free_at = math.max(blocked, next_at - saved)
-- A place is at most the horizon after the last waiter of the level before, or after it is free.
local function latest(n)
  return math.max(now, free_at) + interval + n * (horizon + grace)
end
local ahead = 0
for n = 1, level - 1 do ahead = math.max(ahead, field('until' .. n, latest(n))) end
if free_at <= now and ahead <= now then
  if interval > 0 then
    redis.call('HSET', KEYS[1], 'next', string.format('%.0f', math.max(next_at, now) + interval))
    redis.call('PEXPIRE', KEYS[1], kept)
  end
  return {'0', troubled}
end
local first = math.max(now + 1, free_at, ahead - grace)
local place = math.max(first, field('tail' .. level, latest(level)) + interval)
if place > first + horizon then place = first + (place - first) % horizon end
redis.call('HSET', KEYS[1], 'tail' .. level, string.format('%.0f', place), 'until' .. level,
  string.format('%.0f', math.max(field('until' .. level, latest(level)), place + grace)))
redis.call('PEXPIRE', KEYS[1], kept)
return {string.format('%.0f', place), troubled}
