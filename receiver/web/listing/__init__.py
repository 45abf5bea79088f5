"""The console's list: its page, what is done with many at once, what changes meanwhile."""
