"""Decides what happens to an incident. Pure: no I/O, no clock; every function takes ``now``."""
