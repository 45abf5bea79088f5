"""The audit trail in Redis: entries in a chain, one chain a shard."""
