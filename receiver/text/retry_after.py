"""Retry-After: how long a service asks to be left alone (RFC 9110, 10.2.3: seconds, or a date)."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LEAST_MS, MOST_MS = 1_000, 600_000
"""What is asked for is believed within these bounds."""


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return for how long (ms), None when that is not said or cannot be understood.

    A date counts from the answer's own Date, so that neither clock has to be right.
    """
    values = {str(name).lower(): str(value) for name, value in headers.items()}
    text = values.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        until = _time(text)
        if until is None:
            return None
        seconds = until - (_time(values.get("date", "")) or time.time())
    if math.isnan(seconds):
        return None
    return int(min(max(seconds * 1000, LEAST_MS), MOST_MS))


def _time(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
