-- Store the reference of time, if it is still the one the new one was made from. Anything but a
-- string is none.
-- KEYS: reference   ARGV: the one it was made from ('' for none), the new one
-- Returns 1, or 0 when another replica was first.
local is_text = redis.call('TYPE', KEYS[1]).ok == 'string'
if (is_text and redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
