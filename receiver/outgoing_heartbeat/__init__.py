"""Tells somebody outside that this service is well, so that its silence is noticed."""
