"""``incident-manager weekly-report``."""
