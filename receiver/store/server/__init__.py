"""The server behind the store: which one it is, how durable, and whether it may be used."""
