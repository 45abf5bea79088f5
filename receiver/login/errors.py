"""Why nobody is logged in, and how long somebody may take."""

UNDER_WAY_MS = 600_000
"""How long somebody may take to log in at the provider."""


class ProviderError(Exception):
    """The provider does not answer, or not as one does; the text says how, for people."""


class LoginRefusedError(Exception):
    """Nobody is logged in; the text says why, for people."""
