-- Move a field of a hash, or a member of a sorted set, that cannot be read to where it is kept,
-- unless it is something else by now than what was judged.
-- KEYS: the key, where it is kept, damaged, heal
-- ARGV: 'field' or 'member', its name, bytes judged, place in damaged, what damaged says of it, what
--       takes its place ('': nothing), job for heal ('': none)
-- Returns 1 when it was put aside, 0 when something else is there now.
local call = redis.call
local key, damaged, heal = KEYS[K.key], KEYS[K.damaged], KEYS[K.heal]
if ARGV[1] == 'field' then
  if call('HGET', key, ARGV[2]) ~= ARGV[3] then return 0 end
  if ARGV[6] ~= '' then call('HSET', key, ARGV[2], ARGV[6]) else call('HDEL', key, ARGV[2]) end
elseif call('ZREM', key, ARGV[2]) == 0 then
  return 0
end
call('SET', KEYS[K.kept], ARGV[3])
for name, wanted in pairs({[damaged] = 'hash', [heal] = 'set'}) do
  local is = call('TYPE', name).ok
  if is ~= wanted and is ~= 'none' then call('RENAME', name, name .. ':unreadable') end
end
call('HSET', damaged, ARGV[4], ARGV[5])
if ARGV[7] ~= '' then call('SADD', heal, ARGV[7]) end
return 1
