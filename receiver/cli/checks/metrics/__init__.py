"""``incident-manager validate-metrics``."""
