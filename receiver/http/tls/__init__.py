"""TLS on our own ports: its settings, the certificates, and the handshake."""
