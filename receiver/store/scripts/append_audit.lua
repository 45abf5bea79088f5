-- Append entries to the audit trail of a shard.
-- KEYS: audit, chain
-- ARGV: content and digest of each entry, one after another
-- Returns the number of the last entry.
local number, link = end_of_chain(KEYS[1], KEYS[2])
local rows = {}
number = chain_on(rows, number, link, 1, #ARGV)
push(KEYS[1], rows)
return number
