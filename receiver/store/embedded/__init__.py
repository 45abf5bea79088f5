"""The Valkey that comes with the service: its files, its process, and mending them."""
