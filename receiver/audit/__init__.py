"""The audit: lines of the log, and the trail that is kept as data."""
