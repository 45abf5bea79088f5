-- Put the oldest rows of a shard's audit trail into a block, if they are still those that were read.
-- KEYS: the fixed ones (K, from script_keys.py: "block" is the key of the block)
-- ARGV: number of the block, number of rows, first row, last row, the block ('' for no rows)
-- Returns 1, or 0 when somebody else was faster.
local call = redis.call
local rows = tonumber(ARGV[2])
if (call('HGET', KEYS[K.chain], 'packed') or '0') ~= ARGV[1] then return 0 end
if rows > 0 then
  if call('LINDEX', KEYS[K.audit], 0) ~= ARGV[3] or call('LINDEX', KEYS[K.audit], rows - 1) ~= ARGV[4] then return 0 end
  call('SET', KEYS[K.block], ARGV[5])
  call('LTRIM', KEYS[K.audit], rows, -1)
end
call('HSET', KEYS[K.chain], 'packed', string.format('%.0f', tonumber(ARGV[1]) + 1))
return 1
