-- Move a key that cannot be read to where it is kept, unless it is something else by now than what
-- was judged. A key that is missing is put aside only while an index or its group names it.
-- KEYS: the key, where it is kept, damaged, heal, then open, closed, unreached and the group of an
--       incident, of which damaged is to tell from now on
-- ARGV: type judged ("none": missing), bytes judged ('' unless it is a string), place in damaged, what
--       damaged says of it, what takes its place ('': nothing), job for heal ('': none), then the
--       incident and its generation
-- Returns 1 when it was put aside, 0 when something else is there now.
local call, pcall = redis.call, redis.pcall
local key, kept, damaged, heal = KEYS[K.key], KEYS[K.kept], KEYS[K.damaged], KEYS[K.heal]
local found = call('TYPE', key).ok
if found ~= ARGV[1] then return 0 end
if found == 'string' and call('GET', key) ~= ARGV[2] then return 0 end

-- The answer to a question about a key that may be of another type.
local function ask(...)
  local answer = pcall(...)
  return type(answer) ~= 'table' and answer
end

if found ~= 'none' then
  call('RENAME', key, kept)
  call('PERSIST', kept)
elseif KEYS[K.open] then
  local named = ask('ZSCORE', KEYS[K.open], ARGV[7]) or ask('ZSCORE', KEYS[K.closed], ARGV[7])
  if not named and ask('GET', KEYS[K.group]) ~= ARGV[8] then return 0 end
end
if KEYS[K.unreached] then pcall('ZREM', KEYS[K.unreached], ARGV[7]) end
if ARGV[5] ~= '' then call('SET', key, ARGV[5]) end
for name, wanted in pairs({[damaged] = 'hash', [heal] = 'set'}) do
  local is = call('TYPE', name).ok
  if is ~= wanted and is ~= 'none' then call('RENAME', name, name .. ':unreadable') end
end
call('HSET', damaged, ARGV[3], ARGV[4])
if ARGV[6] ~= '' then call('SADD', heal, ARGV[6]) end
return 1
