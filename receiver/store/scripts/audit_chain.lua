-- Put before the scripts that append to the audit trail (see CHAINED in script_keys.py); no script of
-- its own. The end of the chain is in its last row, so that an entry costs one command.
local GENESIS, ROWS_MAX = string.rep('0', 40), 1000
local sha1hex, format = redis.sha1hex, string.format

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
  return math.max(field(1) * 1000 + redis.call('LLEN', list), field(2)), GENESIS
end

-- Add the rows of the entries ARGV[from] to ARGV[to] (content and its digest, one after another), as
-- they follow a number and link; return those of the last one. ``push`` writes them.
local function chain_on(rows, number, link, from, to)
  local many = #rows
  for n = from, to, 2 do
    number = number + 1
    local place = format(' %d ', number)
    link = sha1hex(link .. place .. ARGV[n + 1])
    many = many + 1
    rows[many] = link .. place .. ARGV[n]
  end
  return number, link
end

local function push(list, rows)
  for n = 1, #rows, ROWS_MAX do
    redis.call('RPUSH', list, unpack(rows, n, math.min(n + ROWS_MAX - 1, #rows)))
  end
end
