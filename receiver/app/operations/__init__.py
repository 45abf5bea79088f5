"""What can be read of a running service: see ``web.operations``."""
