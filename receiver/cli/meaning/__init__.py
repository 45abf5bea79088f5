"""Commands that say what a configuration means, without a running service."""
