"""The configuration: its model, how it is read, and what it means."""
