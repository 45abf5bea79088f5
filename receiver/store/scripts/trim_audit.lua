-- Remove the oldest blocks of a shard's audit trail, and say so in an entry of it.
-- KEYS: audit, chain, then the blocks
-- ARGV: number of the first block that was kept so far, of the first that stays, the link before that,
--      content and digest of the entry
-- Returns 1, or 0 when somebody else was faster.
local call = redis.call
local number, link = end_of_chain(KEYS[1], KEYS[2])
if (call('HGET', KEYS[2], 'first') or '0') ~= ARGV[1] then return 0 end
for n = 3, #KEYS do call('DEL', KEYS[n]) end
call('HSET', KEYS[2], 'first', ARGV[2], 'before', ARGV[3])
local rows = {}
chain_on(rows, number, link, 4, 5)
push(KEYS[1], rows)
return 1
