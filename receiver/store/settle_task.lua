-- Save a receipt and say what becomes of the leased task it belongs to.
-- KEYS: task, receipts, due:<lane> of every lane
-- ARGV: member, token, verb (hold | done | again), version delivered, next due time, not before,
--       notifier, revision the receipt was made from ('' for none), receipt ('' saves none), now
-- Returns {lease held (1 or 0), receipt saved (1), or 0 with the receipt as it is now}.
-- The receipt is saved even when the lease is lost: what was sent was sent. A receipt somebody else
-- changed meanwhile is handed back to be merged.
local call = redis.call
local saved, current = 1, ''
if ARGV[9] ~= '' then
  local kept = call('HGET', KEYS[2], ARGV[7])
  if (kept and string.sub(kept, 1, 8) or '') == ARGV[8] then
    call('HSET', KEYS[2], ARGV[7], ARGV[9])
  else
    saved, current = 0, kept or ''
  end
end
local kept = call('HGET', KEYS[1], ARGV[1])
if not kept then return {0, saved, current} end
local want, token, till = string.match(kept, '^(%d+)|([^|]*)|(%d+)|%d+$')
if token ~= ARGV[2] then return {0, saved, current} end
if saved == 0 or ARGV[3] == 'hold' then
  return {tonumber(till) > tonumber(ARGV[10]) and 1 or 0, saved, current}
end
if ARGV[3] == 'done' and tonumber(want) <= tonumber(ARGV[4]) then
  for lane = 3, #KEYS do call('ZREM', KEYS[lane], ARGV[1]) end
  call('HDEL', KEYS[1], ARGV[1])
else
  -- Whoever wants more than this task knew of does not wait for what it waits for.
  local due = ARGV[5]
  if tonumber(want) > tonumber(ARGV[4]) then due = math.max(tonumber(ARGV[10]), tonumber(ARGV[6])) end
  for lane = 3, #KEYS do call('ZADD', KEYS[lane], 'XX', due, ARGV[1]) end
  call('HSET', KEYS[1], ARGV[1], want .. '||0|' .. ARGV[6])
end
return {1, saved, current}
