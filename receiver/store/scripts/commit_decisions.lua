-- Write a batch of decisions of one shard, each only if its incident is still what it was made from.
-- KEYS: the fixed ones (K, from script_keys.py: "day" and "response" are figures of the day),
--      then for each decision: group, incident it was made from, incident as it will be, timeline,
--      receipts, then its event keys
-- ARGV 1: msgpack {fields of figures, of each the number of its key, bundles, decisions, fence}; 2: now
--      (ms); 3: how long the figures of a day are kept (ms)
--      then the record of each decision, '' for one that changes nothing; of one with a "size" what is
--      added to the record of so many bytes: its new version, then what goes before its last "]}";
--      then content and digest of each entry of the audit trail, of a decision "told" arguments
--      The fence (fence.py) is {process, number of this commit, number that it has to have behind it}.
-- Returns for each decision: 1 written, 2 one of its events was applied before (a list follows:
--      {2, numbers of those events}), {0, generation, record} as it is now, or {3, number of its key}
--      that is of another type, or that says what it cannot: nothing was written for it. Behind them
--      {mark of the data, number of the last commit of this process}.
-- Fails with WRONGTYPE before anything is written when one of the first keys is of another type.
-- What was written is told in the audit trail, by the same call.
-- A lease is never shortened here: of a leased delivery only "want" is raised.
-- unpack is bounded: Lua takes some 8,000 arguments, a fold of one batch has far fewer.
local open, closed, task, seen, active = KEYS[K.open], KEYS[K.closed], KEYS[K.task], KEYS[K.seen], KEYS[K.active]
local due = {urgent = KEYS[K.due_urgent], normal = KEYS[K.due_normal], background = KEYS[K.due_background]}
local now, kept_for = tonumber(ARGV[2]), ARGV[3]
local call, pcall = redis.call, redis.pcall

-- What the batch adds to the numbers of open incidents and to figures, written once at its end.
local counts, figures, bundled = {}, {}, {}
local fields, key_of, bundles, decisions, fence = unpack(cmsgpack.unpack(ARGV[1]))

-- Asked before anything is written: a key of another type fails with WRONGTYPE.
local fenced = call('HMGET', KEYS[K.fence], 'data', fence[1])
local before = 0
-- What cannot be read says nothing of what is there, and is written anew.
if fenced[2] then before = tonumber(string.match(fenced[2], '^(%d+)|') or fence[3]) end
-- A number that is behind what has to be there stays until its process knows: a commit whose answer
-- is lost would hide it.
local function raise_fence()
  local key, own, number = KEYS[K.fence], fence[1], fence[2]
  if not fenced[1] then
    fenced[1] = string.format('%s-%.0f-%s', own, number, ARGV[2])
    call('HSET', key, 'data', fenced[1])
  end
  if before < fence[3] or number <= before then return end
  call('HSET', key, own, string.format('%.0f|%s', number, ARGV[2]))
  if fenced[2] or call('HLEN', key) < 200 then return end
  -- A process that begins removes those that have ended.
  local all = call('HGETALL', key)
  for n = 1, #all, 2 do
    local at = tonumber(string.match(all[n + 1], '|(%d+)$') or 0)
    if all[n] ~= 'data' and at < now - 86400000 then call('HDEL', key, all[n]) end
  end
end

-- What is written for a decision is written as a whole: a key of another type would end it half-way.
-- Each key that the batch writes is looked at once, before all.
local HASHES = {[K.task] = true, [K.seen] = true, [K.active] = true, [K.day] = true,
  [K.total] = true, [K.response] = true}
local looked_at = {}
local function check(wanted, ...)
  if not wanted then return end
  for _, i in ipairs({...}) do
    if not looked_at[i] then
      looked_at[i] = true
      local is = call('TYPE', KEYS[i]).ok
      if is ~= 'none' and is ~= (HASHES[i] and 'hash' or 'zset') then
        error({err = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. is})
      end
    end
  end
end
-- Behind the records: what the audit trail tells of each decision, if that is written.
local told, rows, number, link = 4 + #decisions, {}, nil, nil
if ARGV[told] then number, link = end_of_chain(KEYS[K.audit], KEYS[K.chain]) end
for _, i in ipairs(key_of) do check(true, i) end
for _, d in ipairs(decisions) do
  check(#d.counts > 0, K.active)
  check(d.open or d.closed, K.open, K.closed)
  check(d.seen, K.seen)
  check(d.published, K.published)
  check(d.unreached, K.unreached)
  check(#d.items > 0, K.items)
  check(d.forget, K.open, K.closed, K.seen, K.published, K.unreached)
  check(#d.schedule + #d.cancel + #d.moves > 0, K.due_urgent, K.due_normal, K.due_background, K.task)
end

local function add(sums, changes)
  for _, c in ipairs(changes) do sums[c[1]] = (sums[c[1]] or 0) + c[2] end
end

-- What keys.is_generation says, so that what is junk here is put aside there.
local function is_generation(found)
  return type(found) == 'string' and #found <= 18 and string.match(found, '^[1-9]%d*$') ~= nil
end

local function conflict(d, group, base)
  if d.pointer then
    local generation = pcall('GET', group)
    if generation then
      if not is_generation(generation) then return {3, 1} end
      if generation ~= d.generation then return {0, generation, ''} end
    elseif d.generation == '0' then
      -- The newest generation was forgotten and an older one was not: its id is not free.
      return call('EXISTS', base) == 1 and {3, 1} or nil
    end
  end
  local version = pcall('GETRANGE', base, 0, 15)
  if type(version) == 'table' then return {3, 2} end
  -- Decided from what this process remembers of commits that are lost: the same version may be
  -- another record by now.
  local behind = before < fence[3] and fence[2] > 0 and d.version ~= ''
  if not behind and version == d.version and (d.size == 0 or call('STRLEN', base) == d.size) then return nil end
  return {0, d.generation, call('GET', base) or ''}
end

local function schedule(d, s, scores)
  local member, score, from, lane = d.id .. '|' .. s[1], s[2], s[4], s[5]
  if s[3] > 0 then
    local want, token, till, after = 0, '', 0, 0
    local kept = d.version ~= '' and call('HGET', task, member)
    if kept then
      want, token, till, after = string.match(kept, '^(%d+)|([^|]*)|(%d+)|(%d+)$')
      -- What cannot be read is nobody's lease, and is written anew.
      if not want then want, token, till, after = 0, '', 0, 0 end
    end
    local leased = token ~= '' and tonumber(till) > now
    want = math.max(tonumber(want), s[3])
    -- What waits in the normal lane must not wait on in the urgent one, and a page that is raised
    -- there waits for nothing: 1 tells whoever settles the lease.
    if from ~= lane then after = leased and 1 or 0 end
    if not leased then token, till = '', 0 end
    call('HSET', task, member, string.format('%.0f|%s|%s|%s', want, token, till, after))
    if leased then return end
    score = math.max(score, tonumber(after))
  end
  local row = scores[lane] or {}
  row[#row + 1], row[#row + 2] = score, member
  scores[lane] = row
end

local function forget(d, record, timeline, receipts, group)
  call('DEL', record, timeline, receipts)
  if pcall('GET', group) == d.next then call('DEL', group) end
  call('ZREM', open, d.id) call('ZREM', closed, d.id) call('HDEL', seen, d.id)
  call('ZREM', KEYS[K.published], d.id) call('ZREM', KEYS[K.unreached], d.id)
  for _, item in ipairs(d.items) do call('ZREM', KEYS[K.items], item[1]) end
end

local function write(d, body, next_key, timeline, receipts, group)
  local id = d.id
  if d.forget then
    add(counts, d.counts)
    forget(d, next_key, timeline, receipts, group)
    body = ''
  end
  if body ~= '' then
    -- First, for of all that is written here only this can fail.
    local pushed = #d.timeline > 0 and pcall('RPUSH', timeline, unpack(d.timeline))
    if type(pushed) == 'table' then
      if string.find(pushed.err, 'WRONGTYPE') then return {3, 4} end
      error(pushed)
    end
    if d.size > 0 then
      call('SETRANGE', next_key, d.size - 2, string.sub(body, 17))
      call('SETRANGE', next_key, 0, string.sub(body, 1, 16))
    else
      call('SET', next_key, body)
    end
    if d.pointer then call('SET', group, d.next) end
    add(counts, d.counts)
    if d.open then call('ZADD', open, d.open, id) end
    if d.open and d.version ~= '' then call('ZREM', closed, id) end
    if d.closed then call('ZREM', open, id) call('ZADD', closed, d.closed, id) end
    if d.published then call('ZADD', KEYS[K.published], d.published, id) end
    if d.unreached == 0 then call('ZREM', KEYS[K.unreached], id) end
    if d.unreached and d.unreached > 0 then call('ZADD', KEYS[K.unreached], d.unreached, id) end
    for _, item in ipairs(d.items) do
      if item[2] then call('ZADD', KEYS[K.items], item[2], item[1]) else call('ZREM', KEYS[K.items], item[1]) end
    end
    if d.expire then
      call('PEXPIRE', next_key, d.expire) call('PEXPIRE', group, d.expire)
    end
    for _, m in ipairs(d.moves) do
      local score = call('ZSCORE', due[m[2]], m[1])
      if score then call('ZREM', due[m[2]], m[1]) call('ZADD', due[m[3]], score, m[1]) end
    end
  end
  -- Three bundles of counts, then sums by numbers of fields: names are sent once a batch.
  local f = d.figures
  for n = 1, math.min(#f, 3) do bundled[f[n]] = (bundled[f[n]] or 0) + 1 end
  for n = 4, #f, 2 do figures[f[n]] = (figures[f[n]] or 0) + f[n + 1] end
  for _, t in ipairs(d.cancel) do
    for _, lane in pairs(due) do call('ZREM', lane, id .. '|' .. t) end
    call('HDEL', task, id .. '|' .. t)
  end
  local scores = {}
  for _, s in ipairs(d.schedule) do schedule(d, s, scores) end
  for lane, row in pairs(scores) do call('ZADD', due[lane], unpack(row)) end
  if d.seen then call('HSET', seen, id, now) end
  return 1
end

-- A number that cannot be read is written anew: that of open incidents is counted again, that of a
-- day or of the total begins again, with what was there kept beside it.
local function count(key, field, number)
  if type(pcall('HINCRBY', key, field, number)) ~= 'table' then return end
  if key == active then
    call('HDEL', key, field)
    pcall('SADD', KEYS[K.heal], 'recount')
  else
    call('HSET', key, field .. '|unreadable', call('HGET', key, field), field, number)
  end
end

local results, changed, at = {}, {}, FIXED
for i, d in ipairs(decisions) do
  local group, base, next_key = KEYS[at + 1], KEYS[at + 2], KEYS[at + 3]
  local known = {}
  for n, _ in ipairs(d.events) do
    if call('EXISTS', KEYS[at + 5 + n]) == 1 then known[#known + 1] = n - 1 end
  end
  results[i] = conflict(d, group, base)
  if not results[i] and #known > 0 then results[i] = {2, known} end
  if not results[i] then
    results[i] = write(d, ARGV[3 + i], next_key, KEYS[at + 4], KEYS[at + 5], group)
    if results[i] == 1 then
      if d.listed and ARGV[3 + i] ~= '' then changed[#changed + 1] = d.id end
      for n, ttl in ipairs(d.events) do
        if ttl > 0 then call('SET', KEYS[at + 5 + n], '1', 'PX', ttl) end
      end
      if d.told > 0 then number, link = chain_on(rows, number, link, told, told + d.told - 1) end
    end
  end
  at, told = at + 5 + #d.events, told + d.told
end
for field, number in pairs(counts) do count(active, field, number) end
for bundle, times in pairs(bundled) do
  local f = bundles[bundle]
  for n = 1, #f, 2 do figures[f[n]] = (figures[f[n]] or 0) + f[n + 1] * times end
end
for n, number in pairs(figures) do count(KEYS[key_of[n]], fields[n], number) end
for _, i in ipairs({K.day, K.response}) do
  if next(figures) and looked_at[i] then call('PEXPIRE', KEYS[i], kept_for) end
end
push(KEYS[K.audit], rows)
-- For open lists (feed.py). It is advice: of another type, whoever reads it throws it away.
if #changed > 0 then
  pcall('XADD', KEYS[K.feed], 'MAXLEN', '~', 500, '*', 'i', table.concat(changed, ' '))
end
raise_fence()
results[#results + 1] = {fenced[1], before}
return results
