"""The command ``incident-manager``."""
