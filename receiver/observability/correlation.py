"""What the current task works for: its correlation id and its trace."""

import itertools
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple


class Caller(NamedTuple):
    """Who sent a request, and from where.

    ``name``: of the credential, or of who logged in; "" for none.
    """

    name: str = ""
    address: str = ""

    def __str__(self) -> str:
        """Return both as an incident shows them."""
        named = f"{self.name} ({self.address})" if self.name and self.address else ""
        return named or self.name or self.address


NOBODY = Caller()

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
"""What the current task works for: set per request, and per delivery from the incident."""
trace_context: ContextVar[str] = ContextVar("trace_context", default="")
"""The trace and span the current task works in, as a W3C traceparent; "" for none."""
caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
"""Who sent the request that the current task answers; nobody where it answers none."""
_CORRELATION_HEADERS = ("X-Request-ID", "X-Correlation-ID")
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Random once a process and counted from there: asking the system for randomness each time would
# be a good part of what a webhook costs.
_PROCESS = secrets.token_hex(4)
_numbers = itertools.count(1)


def new_correlation_id() -> str:
    """Return a fresh id, such as ``req-3f9c0a1b2c3d4e5f``."""
    return f"req-{_PROCESS}{next(_numbers):08x}"


def correlation_id_of(headers: Mapping[str, str]) -> str:
    """Return the id a request came with, when it has the shape of one, else a fresh one.

    ``headers`` finds names in any case, as aiohttp's do. ``X-Request-ID`` goes before
    ``X-Correlation-ID``; at most 64 letters, digits, dots, underscores and hyphens are accepted.
    """
    for header in _CORRELATION_HEADERS:
        given = headers.get(header, "")
        if _CORRELATION_ID.fullmatch(given):
            return given
    return new_correlation_id()
