"""Times as programs read them."""

from datetime import UTC, datetime


def rfc3339(at: int) -> str | None:
    """Return a time (ms) as RFC 3339 UTC with milliseconds, or None for "not yet" (0)."""
    if not at:
        return None
    # Whole numbers alone: as a float, times after 2242 would be off by a millisecond.
    seconds, ms = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]}.{ms:03}Z"
