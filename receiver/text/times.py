"""Times as programs read and write them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def rfc3339(at: int) -> str | None:
    """Return a time (ms) as RFC 3339 UTC with milliseconds, or None for "not yet" (0)."""
    if not at:
        return None
    # Whole numbers alone: as a float, times after 2242 would be off by a millisecond.
    seconds, ms = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]}.{ms:03}Z"


def iso_ms(text: str) -> int:
    """Return an ISO 8601 time in ms; one without a zone is UTC, whatever the machine's is.

    ValueError for what is none, or is beyond the years 1 to 9999 in UTC.
    """
    read = datetime.fromisoformat(text)
    at = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
    if not _FIRST <= at <= _LAST:
        raise ValueError("not of the years 1 to 9999")
    # A difference, and not by way of a float, which would lose a millisecond in far years.
    return (at - _EPOCH) // _MS


def day_of(at: int) -> str:
    """Return the day (UTC) of a time (ms), as 2026-03-02."""
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
