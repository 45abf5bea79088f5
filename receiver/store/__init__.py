"""State in Redis: key names, scripts and the embedded server."""
