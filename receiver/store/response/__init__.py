"""How incidents were answered, day by day: percentiles, load, and of what."""
