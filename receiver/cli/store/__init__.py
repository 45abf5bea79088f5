"""``incident-manager store``: checked, repaired, backed up and restored."""
