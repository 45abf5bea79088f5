"""Decides and delivers: batches of events in, due timers, deliveries out, each settled once."""
