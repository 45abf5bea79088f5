-- Put before the scripts that append to the audit trail (see CHAINED in script_keys.py); no script of
-- its own. The end of the chain is in its last row, so that an entry costs one command.

-- Return the number and link of the last row. Asked before anything is written: a list that is none
-- fails with WRONGTYPE, is put aside, and the script is called again.
local function end_of_chain(list, chain)
  local last = redis.call('LINDEX', list, -1)
  local link, number = string.match(last or '', '^(%x+) (%d+) ')
  if number and #link == 40 and #number <= 15 then return tonumber(number), link end
  -- There is none, or it cannot be read: the chain begins anew behind all that there was.
  local kept = redis.pcall('HMGET', chain, 'packed', 'mark')
  local function field(n)
    local text = kept[n]
    return type(text) == 'string' and #text <= 15 and tonumber(text) or 0
  end
  return math.max(field(1) * 1000 + redis.call('LLEN', list), field(2)), string.rep('0', 40)
end

-- ``entries``: content and its digest, one after another.
local function chain_on(list, number, link, entries)
  local rows, sha1hex, many = {}, redis.sha1hex, 0
  for n = 1, #entries, 2 do
    number = number + 1
    local place = string.format(' %d ', number)
    link = sha1hex(link .. place .. entries[n + 1])
    many = many + 1
    rows[many] = link .. place .. entries[n]
    if many == 1000 then
      redis.call('RPUSH', list, unpack(rows))
      rows, many = {}, 0
    end
  end
  if many > 0 then redis.call('RPUSH', list, unpack(rows)) end
  return number
end
