"""Commands that look at a service and say how it is."""
