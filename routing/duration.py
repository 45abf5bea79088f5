"""Durations as people write them (``1h30m``) and as the program counts them (milliseconds)."""

import re
from datetime import UTC, datetime

_UNITS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_LONGEST = 100 * _UNITS["y"]
_SHOWN = ("d", "h", "m", "s")

# The grammar of Prometheus and Alertmanager: units in falling order, each at most once.
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _UNITS))


def parse_duration(text: str) -> int:
    """Return the milliseconds of ``1h30m``, ``5m``, ``1d``, ``500ms`` or ``0``.

    Units are y (365 days), w, d, h, m, s and ms, in that order. ValueError for anything else, and
    beyond 100 years, where sums with times would leave the range of exact numbers in Redis.
    """
    trimmed = text.strip()
    if trimmed == "0":
        return 0
    found = _DURATION.fullmatch(trimmed)
    if not trimmed or found is None:
        raise ValueError(f"not a duration: {text!r} (write for example 30s, 5m, 1h30m or 1d)")
    pairs = zip(_UNITS.values(), found.groups(), strict=True)
    total = sum(unit * int(count) for unit, count in pairs if count)
    if total > _LONGEST:
        raise ValueError(f"longer than 100 years: {text!r}")
    return total


def format_duration(ms: int) -> str:
    """Return a duration in ms for people: ``45s``, ``1h30m``, ``2d``, ``500ms`` or ``0s``.

    Milliseconds are shown only below one second; a negative duration counts as none.
    ``parse_duration`` reads the text back.
    """
    if 0 < ms < _UNITS["s"]:
        return f"{ms}ms"
    rest = max(ms, 0)
    parts = []
    for unit in _SHOWN:
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_moment(at: int) -> str:
    """Return a time (ms) for people, to the minute: ``2026-03-02 10:00 UTC``."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
