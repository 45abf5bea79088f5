"""Times as programs read them."""

from datetime import UTC, datetime


def rfc3339(at: int) -> str | None:
    """Return a time (ms) as RFC 3339 UTC with milliseconds, or None for "not yet" (0)."""
    if not at:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
