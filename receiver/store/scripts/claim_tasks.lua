-- Lease tasks that are due, oldest first. The score of a leased task is the end of its lease, so
-- that a task whose worker died comes due again by itself. A task of a name that has no room left
-- is passed over untouched: it stays due, and what is behind it is found.
-- What a claim costs does not grow with what waits for room: each name is looked for from where the
-- first one of it may be. What came into the agenda behind that is found by a look at the next few
-- entries of all that are due, round and round.
-- KEYS: due:<lane>, task
-- ARGV: now, lease token, end of lease (times in ms), limit, how many may be passed over, rank that
--       the look at all goes on from, and from when on (ms, 0: the beginning) there may be a task of
--       a name without bounds; then for each name with bounds: name, how many of it at most, and
--       from when on there may be one
-- Returns a flat list: 1 when there was nothing more to see, how many were passed over, when the first
-- of all is due (-1: never, or something was leased), and for the next claim the rank and the times
-- (of names without bounds, then of each name); then member, want, due time, ... of what was leased
local now, limit, most, rank = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
-- What is entered may have been decided so long (ms) before.
local RECENT = 250
-- So many are looked at by each claim, and of so few all can be: then nothing has to be remembered.
local LOOKED, FEW = 100, 200
local function bound(left, from)
  -- The clock may have been set back.
  return {left = tonumber(left), from = math.min(tonumber(from), now - RECENT)}
end
local others = bound(limit, ARGV[7])
local bounds, every = {}, {others}
for i = 8, #ARGV, 3 do
  local of = bound(ARGV[i + 1], ARGV[i + 2])
  bounds[ARGV[i]], every[#every + 1] = of, of
end
local claimed, taken, passed = {}, 0, 0

local function lease(member, score)
  local kept = redis.call('HGET', KEYS[2], member)
  local want, after = '0', '0'
  if kept then want, after = string.match(kept, '^(%d+)|[^|]*|%d+|(%d+)$') end
  -- What cannot be read is nobody's lease, and is written anew.
  if not want then want, after = '0', '0' end
  redis.call('ZADD', KEYS[1], ARGV[3], member)
  redis.call('HSET', KEYS[2], member, want .. '|' .. ARGV[2] .. '|' .. ARGV[3] .. '|' .. after)
  claimed[#claimed + 1] = member
  claimed[#claimed + 1] = want
  claimed[#claimed + 1] = score
end

-- Returns whether it was leased, and whether that was the last one of its name.
local function take(member, score)
  local of = bounds[string.match(member, '|(.*)$') or ''] or others
  if of.left <= 0 or taken == limit then return false, false end
  of.left, taken = of.left - 1, taken + 1
  if of.left == 0 then of.from = math.max(0, tonumber(score)) end
  lease(member, score)
  return true, of.left == 0
end

-- From when on there may be a task that there is room for.
local function first()
  local found
  for _, of in ipairs(every) do
    if of.left > 0 and of.from < (found or math.huge) then found = of.from end
  end
  return found or math.huge
end

-- Those that were seen and passed over at the time ``at`` still lead what is due from then on.
local start = first()
local at, skip, page, ended, full = start, 0, limit, false, false
while taken < limit and not full do
  if first() > at then at, skip = first(), 0 end
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], at == 0 and '-inf' or at, now, 'WITHSCORES',
    'LIMIT', skip, page)
  page, ended = 500, #found == 0
  if ended then break end
  for i = 1, #found, 2 do
    local score = tonumber(found[i + 1])
    -- It ends between two times: what is due at one time is seen as a whole, or never all of it.
    full = passed >= most and score > at
    if full then at = score break end
    local leased, last = take(found[i], found[i + 1])
    if not leased then
      passed = passed + 1
      if score > at then at, skip = score, 1 else skip = skip + 1 end
    elseif last and first() > score or taken == limit then
      break
    end
  end
end
for _, of in ipairs(every) do
  if of.left > 0 then of.from = math.max(of.from, ended and now or at) end
end

local few = start == 0 and ended and passed < FEW
if start > 0 and taken < limit then
  local found = redis.call('ZRANGE', KEYS[1], rank, rank + LOOKED - 1, 'WITHSCORES')
  local over = #found < 2 * LOOKED
  for i = 1, #found, 2 do
    if tonumber(found[i + 1]) > now then over = true break end
    if not take(found[i], found[i + 1]) then rank = rank + 1 end
  end
  few = over and rank < FEW
  if over then rank = 0 end
end
local next_one = taken == 0 and redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local soonest = tonumber(next_one or 'inf')
local head = {ended and 1 or 0, passed, soonest < 1e15 and soonest or -1, few and 0 or rank}
for i, of in ipairs(every) do head[i + 4] = few and 0 or math.min(of.from, now - RECENT) end
for i = 1, #claimed do head[#head + 1] = claimed[i] end
return head
