-- Lease tasks that are due, oldest first. The score of a leased task is the end of its lease, so
-- that a task whose worker died comes due again by itself. A task of a name that has no room left
-- is passed over untouched: it stays due, and what is behind it is found.
-- KEYS: due:<lane>, task
-- ARGV: now, lease token, end of lease (times in ms), limit, how many may be passed over, behind how
--       many to begin, then for each name with bounds: name, how many of it at most
-- Returns a flat list: behind how many to begin the next time (0 unless so many were passed over that
-- the rest was not looked at), then member, want, due time, ...
local limit, passed = tonumber(ARGV[4]), tonumber(ARGV[6])
local last = passed + tonumber(ARGV[5])
local room = {}
for i = 7, #ARGV, 2 do room[ARGV[i]] = tonumber(ARGV[i + 1]) end
local claimed, taken, page = {0}, 0, limit

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

repeat
  -- What was leased is out of this range by now; what was passed over still leads it.
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES',
    'LIMIT', passed, page)
  page = 500
  for i = 1, #found, 2 do
    local name = string.match(found[i], '|(.*)$')
    local left = room[name] or limit
    if taken == limit then break end
    if left > 0 then
      if room[name] then room[name] = left - 1 end
      lease(found[i], found[i + 1])
      taken = taken + 1
    else
      passed = passed + 1
    end
  end
until #found == 0 or taken == limit or passed >= last
if taken < limit and passed >= last then claimed[1] = passed end
return claimed
