"""Notifiers: bring one destination up to date with one incident."""
