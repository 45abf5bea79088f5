-- Enter incidents into the indexes and the agenda where they are missing there, each only if its
-- record is still the one that this was worked out from.
-- KEYS: the fixed ones (K, from script_keys.py), then the record of each incident
-- ARGV: now (ms), then a msgpack list of {id, version, scores, tasks, items}: scores in the order of the
--       first four keys (false: it does not belong there), tasks of {task, due (ms), want, lane (1 to 3)},
--       items of {member, score}
-- Returns the ids of those whose record is another one by now.
local call = redis.call
local again = {}

local function schedule(member, due, want, lane)
  for n = K.due_urgent, K.due_background do
    if call('ZSCORE', KEYS[n], member) then return end
  end
  call('ZADD', KEYS[K.due_urgent - 1 + lane], due, member)
  if want > 0 then call('HSETNX', KEYS[K.task], member, string.format('%.0f||0|0', want)) end
end

for i, one in ipairs(cmsgpack.unpack(ARGV[2])) do
  local id, version, scores, tasks, items = unpack(one)
  if call('GETRANGE', KEYS[FIXED + i], 0, 15) == version then
    for n, score in ipairs(scores) do
      if score then call('ZADD', KEYS[n], 'NX', score, id) end
    end
    -- Since when nobody spoke of an open one is not known any more: that begins now.
    if scores[1] then call('HSETNX', KEYS[K.seen], id, ARGV[1]) end
    for _, item in ipairs(items) do call('ZADD', KEYS[K.items], 'NX', item[2], item[1]) end
    for _, task in ipairs(tasks) do schedule(id .. '|' .. task[1], task[2], task[3], task[4]) end
  else
    again[#again + 1] = id
  end
end
return again
