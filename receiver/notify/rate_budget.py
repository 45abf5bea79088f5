"""How often a service may be called: what notifiers say, and what the store keeps."""

import hashlib

import msgspec

MINUTE_MS = 60_000
LEVELS = 5
"""Levels of urgency: pages by priority (1 to 4), and what pages nobody behind them."""


class Budget(msgspec.Struct, frozen=True):
    """Whose budget (``key``), and how many calls a minute (0: no limit); ``burst`` of them at once.

    One without limit still keeps the quiet that the service asks for.
    """

    key: str
    per_minute: int
    burst: int = 1

    @property
    def interval(self) -> int:
        """The ms between two calls in the long run: in no minute are there more than allowed."""
        if not self.per_minute:
            return 0
        return -(-MINUTE_MS // max(1, self.per_minute - self.burst))


def level_of(priority: str, *, pages: bool) -> int:
    """Return how urgent a call is, 1 to 5."""
    if pages:
        return int(priority[1])
    return 3 if priority <= "P2" else LEVELS


def key_of(kind: str, *parts: str) -> str:
    """Return a key that tells apart, and gives away, nothing of what it is made from."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
    return f"{kind}:{digest}"
