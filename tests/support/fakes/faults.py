"""Faults that a fake vendor can be told to have, one call at a time."""

import socket
import struct
from dataclasses import dataclass
from typing import Any

from aiohttp import web

KINDS = frozenset(
    {
        "429",
        "500",
        "503",
        "html",
        "reset_before",
        "reset_after",
        "hang",
        "hang_after",
        "answer",
        "answer_after",
    }
)
LOGIN_PAGE = "<html><body><h1>Please log in</h1></body></html>"


@dataclass(frozen=True)
class Said:
    """What something between the caller and the vendor answers in the vendor's place."""

    status: int = 200
    body: str = LOGIN_PAGE
    content_type: str = "text/html"


@dataclass
class Fault:
    """One fault waiting for a call.

    `times` is how many calls still get it (None: every call until cleared), `method` the only
    method it strikes (None: any), `retry_after` the header of a 429 as it is sent, `seconds`
    how long a hang lasts, `said` what is answered in the vendor's place.
    """

    kind: str
    times: int | None
    method: str | None
    retry_after: str | None
    seconds: float
    said: Said = Said()


class Faults:
    """The faults of one fake, struck in the order they were added."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(
        self,
        kind: str,
        times: int | None = 1,
        method: str | None = None,
        *,
        retry_after: str | None = None,
        seconds: float = 30.0,
        **said: Any,
    ) -> None:
        """Let the next `times` calls of `method` fail in the way of `kind`.

        kinds: "429" (header Retry-After: `retry_after`, which may be "1.5"), "500", "503",
        "html" (an HTML body with status 502), "reset_before" and "reset_after" (the connection
        is reset before or after the call took effect), "hang" (waits `seconds`, and takes effect
        only if the caller is still there), "hang_after" (takes effect, then waits), "answer" and
        "answer_after" (`status`, `body` and `content_type` as given, a proxy's login page with 200
        by default; without effect, or after the call took effect), and "error:NAME" (refused in
        the vendor's own way). Raises ValueError for any other kind.
        """
        if kind not in KINDS and not (kind.startswith("error:") and kind != "error:"):
            raise ValueError(f"unknown fault {kind!r}, allowed: {sorted(KINDS)} or error:NAME")
        self._waiting.append(Fault(kind, times, method, retry_after, seconds, Said(**said)))

    def add_from(self, data: dict[str, Any]) -> None:
        """Add the fault that a control request describes by the argument names of `add`."""
        known = {"kind", "times", "method", "retry_after", "seconds"}
        unknown = set(data) - known - {"status", "body", "content_type"}
        if unknown or not isinstance(data.get("kind"), str):
            raise ValueError(f"a fault needs a kind and knows no {sorted(unknown)}")
        if not isinstance(data.get("times", 1), int | None):
            raise TypeError("times is a number of calls, or null for every call")
        self.add(**data)

    def take(self, method: str) -> Fault | None:
        """Return the fault that strikes this call of `method`, used up by one."""
        for fault in self._waiting:
            if fault.method in (None, method):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget every fault that has not struck yet."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many faults are still waiting for a call."""
        return len(self._waiting)


def reset_connection(request: web.Request) -> None:
    """Drop the caller's connection with a TCP reset, not with an orderly close."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def caller_is_gone(request: web.Request) -> bool:
    """Tell whether the caller hung up while the request was being held."""
    return request.transport is None or request.transport.is_closing()
