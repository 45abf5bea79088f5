"""The HTTP server itself: ports, connections, admission, who may ask, errors."""
