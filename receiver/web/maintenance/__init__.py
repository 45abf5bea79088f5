"""Planned maintenance, as publishers declare it."""
