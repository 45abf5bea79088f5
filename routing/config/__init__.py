"""The part of the configuration that says what is demanded of incidents."""
