-- Take a turn at what one does for all, or go on with it. Anything but a turn is none.
-- KEYS: turn   ARGV: holder, now, until, furthest: one that lasts longer is of a wrong clock
-- Returns 1 when it is the holder's now, and until when (ms) it is whoever's it is.
local found = redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) or ''
local til, who = string.match(found, '^(%d+)|(.+)$')
til = tonumber(til)
if til and who ~= ARGV[1] and til > tonumber(ARGV[2]) and til <= tonumber(ARGV[4]) then
  return {0, til}
end
redis.call('SET', KEYS[1], ARGV[3] .. '|' .. ARGV[1])
return {1, tonumber(ARGV[3])}
