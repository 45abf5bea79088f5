-- Save receipts, and say what becomes of the leased tasks they belong to.
-- KEYS: task, due:<lane> of every lane, then the receipts of each task, then audit and chain
-- ARGV: number of lanes, then for each task: member, token, verb (hold | done | again), version
--       delivered, next due time, not before, notifier, revision the receipt was made from ('' for
--       none), receipt ('' saves none), now, what the audit trail tells once the receipt is saved
--       ('' for nothing) and the digest of that
-- Returns for each task {lease held (1 or 0), receipt saved (1), or 0 with the receipt as it is now},
-- or a text that says why it failed: one that cannot be read is nobody else's problem.
-- The receipt is saved even when the lease is lost: what was sent was sent. A receipt somebody else
-- changed meanwhile is handed back to be merged.
local call = redis.call
local task, lanes = KEYS[1], tonumber(ARGV[1])

-- A state that cannot be read, or is missing although the task is on the agenda, does not tell who
-- holds the lease: whoever settles does, as long as it lasts. Nor what is wanted: it is looked again.
local LOST = 'lost'
local function state(member, owner)
  local kept = call('HGET', task, member) or ''
  local want, token, till, dropped = string.match(kept, '^(%d+)|([^|]*)|(%d+)|(%d+)$')
  if want then return want, token, till, dropped end
  for lane = 2, lanes + 1 do
    local score = tonumber(call('ZSCORE', KEYS[lane], member) or '0')
    if score > 0 and score < 1e15 then
      return '0', owner, string.format('%.0f', score), LOST
    end
  end
end

local function settle(receipts, member, owner, verb, delivered, due, after, notifier, before, body, now)
  local saved, current = 1, ''
  if body ~= '' then
    local kept = call('HGET', receipts, notifier)
    if (kept and string.sub(kept, 1, 8) or '') == before then
      call('HSET', receipts, notifier, body)
    else
      saved, current = 0, kept or ''
    end
  end
  local want, token, till, dropped = state(member, owner)
  if token ~= owner then return {0, saved, current} end
  if saved == 0 or verb == 'hold' then
    return {tonumber(till) > tonumber(now) and 1 or 0, saved, current}
  end
  local newer = dropped == LOST or tonumber(want) > tonumber(delivered)
  if verb == 'done' and not newer then
    for lane = 2, lanes + 1 do call('ZREM', KEYS[lane], member) end
    call('HDEL', task, member)
  else
    -- A page that came meanwhile waits for nothing (see commit_decisions).
    if dropped == '1' then after = 0 end
    -- Whoever wants more than this task knew of does not wait for what it waits for.
    if newer then due = math.max(tonumber(now), tonumber(after)) end
    for lane = 2, lanes + 1 do call('ZADD', KEYS[lane], 'XX', due, member) end
    call('HSET', task, member, want .. '||0|' .. after)
  end
  return {1, saved, current}
end

local results, rows, list, number, link = {}, {}, KEYS[#KEYS - 1], nil, nil
for i = 12, #ARGV, 12 do
  if ARGV[i] ~= '' then number, link = end_of_chain(list, KEYS[#KEYS]) break end
end
for i = 1, #KEYS - lanes - 3 do
  local at = i * 12 - 10
  local ok, found = pcall(settle, KEYS[lanes + 1 + i], unpack(ARGV, at, at + 9))
  results[i] = ok and found or (type(found) == 'table' and found.err or tostring(found))
  if ok and found[2] == 1 and ARGV[at + 10] ~= '' then
    number, link = chain_on(rows, number, link, at + 10, at + 11)
  end
end
push(list, rows)
return results
