"""Who acts: persons as they are configured, and machines."""
