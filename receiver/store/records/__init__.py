"""Incidents and receipts as they are written, and read back."""
