"""``incident-manager health-check``."""
