"""Logs, audit, tracing and metrics of the service itself."""
