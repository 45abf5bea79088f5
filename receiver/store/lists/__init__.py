"""Lists of incidents, in order and in pages."""
