"""Which requests are taken while more come than can be answered.

An alert that would wait for more than a second is refused at once: its sender repeats it later,
while one that waits for ten is given up by its sender and done all the same. What people do has
places of its own, and what tells how the service is needs none.
"""

import random
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

PATIENCE_S = 1.0
"""How long an alert may have to wait. Slack gives up on a click after 3 s, which waits behind."""
FLOOR = 64
"""Always taken: so few are no crowd, and without any nothing could be measured."""
LARGE_BYTES = 262_144
LARGE_MOST = 16 << 20
"""Bytes of bodies over ``LARGE_BYTES`` at once; each takes several times its size while read. One
thread reads them, so more of them at once are answered no sooner."""
WINDOW_S, PACE_KEPT_S = 0.25, 10.0
RETRY_S = (1, 5)
"""Bounds of Retry-After, drawn by chance: not all who were refused come back together."""


class RequestLane(StrEnum):
    """What a request is for; also the value of the metric's label."""

    URGENT = "urgent"
    INTAKE = "intake"
    PEOPLE = "people"


MOST = {RequestLane.URGENT: 256, RequestLane.INTAKE: 2_048, RequestLane.PEOPLE: 256}
"""Requests being answered at once, whatever the pace."""


class Ticket:
    """A request that was taken, until it is answered. ``counted``: all of it has arrived."""

    __slots__ = ("counted", "lane", "large", "left")

    def __init__(self, lane: RequestLane, *, counted: bool, large: int) -> None:
        self.lane = lane
        self.counted = counted
        self.large = large
        self.left = False


class Admission:
    """Counts the requests being answered, and at which pace."""

    def __init__(
        self, refused: Callable[[RequestLane], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        """``refused(lane)`` is called for each request that has to come again; ``now()`` in s."""
        self._refused = refused
        self._now = now
        self.looks_urgent: Callable[[bytes], bool] = lambda _: False
        """Whether an alert looks like P1 or P2, as bytes: it may be wrong."""
        self._inside = dict.fromkeys(RequestLane, 0)
        self._large = 0
        self._crowded_since = 0.0
        self._answered = 0
        self._pace = 0.0
        self._measured_at = 0.0
        self._refused_at = float("-inf")

    def enter(
        self, lane: RequestLane, size: int, *, whole: bool, data: bytes = b""
    ) -> Ticket | None:
        """Take a request, or return None: it has to come again later.

        ``size``: of its body, in bytes. ``whole``: all of it is here. One that drips in takes no
        place before it is (``arrived``), or a few slow senders could keep all others out. ``data``:
        of an alert; one that looks urgent has places of its own where there is no other.
        """
        large = size if size > LARGE_BYTES else 0
        if large and self._large and self._large + large > LARGE_MOST:
            taken = None
        elif self._has_room(lane):
            taken = lane
        elif data and self._has_room(RequestLane.URGENT) and self.looks_urgent(data):
            taken = RequestLane.URGENT
        else:
            taken = None
        if taken is None:
            self._refused_at = self._now()
            self._refused(lane)
            return None
        self._inside[taken] += whole
        self._large += large
        return Ticket(taken, counted=whole, large=large)

    def _has_room(self, lane: RequestLane) -> bool:
        full = self._inside[lane] >= MOST[lane]
        return not full and (lane is not RequestLane.INTAKE or self.wait() <= PATIENCE_S)

    def arrived(self, ticket: Ticket) -> None:
        """Give a request its place: the rest of it is here."""
        if not ticket.counted and not ticket.left:
            ticket.counted = True
            self._inside[ticket.lane] += 1

    def leave(self, ticket: Ticket) -> None:
        """Give the place back: it is answered, or whoever asked is gone."""
        ticket.left = True
        self._large -= ticket.large
        if ticket.counted:
            self._inside[ticket.lane] -= 1
            self._answered += ticket.lane is not RequestLane.PEOPLE

    def wait(self) -> float:
        """Return how long (s) an alert that came now would wait, by the pace of the last crowd."""
        now = self._now()
        inside = self._inside[RequestLane.INTAKE] + self._inside[RequestLane.URGENT]
        if inside < FLOOR:
            # How fast it can go shows only while it has enough to do.
            self._crowded_since, self._answered = 0.0, 0
            return 0.0
        if not self._crowded_since:
            self._crowded_since, self._answered = now, 0
        elif now - self._crowded_since >= WINDOW_S:
            pace = self._answered / (now - self._crowded_since)
            known = self._pace if now - self._measured_at < PACE_KEPT_S else pace
            self._pace, self._measured_at = (known + pace) / 2, now
            self._crowded_since, self._answered = now, 0
        if now - self._measured_at > PACE_KEPT_S:
            return 0.0
        return inside / max(self._pace, FLOOR)

    def since_refusal(self) -> float:
        """Return how long ago (s) a request was refused last."""
        return self._now() - self._refused_at

    def inside(self) -> dict[RequestLane, int]:
        """Return how many requests of each lane are being answered."""
        return dict(self._inside)


def lane_of(method: str, path: str) -> RequestLane | None:
    """Return the lane of a request; None for what is answered always: probes, and public pages."""
    plain = path.rstrip("/")
    if plain.endswith(_WEBHOOK.decode()):
        return RequestLane.INTAKE
    if plain.endswith("/events") and "/v1/integrations/" in plain:
        return RequestLane.INTAKE
    if method in ("GET", "HEAD") and plain.endswith(_ALWAYS):
        return None
    return RequestLane.PEOPLE


_ALWAYS = (
    *("/-/healthy", "/-/ready", "/health", "/metrics", "/status", "/status.json"),
    "/status.atom",
    # An open list has a bound of its own, or a few hundred would leave no place for a click.
    "/events",
)


class Framing(NamedTuple):
    """What the head of a request says: whether it is to the webhook, and the body's bytes.

    ``rest``: how many of them are still to come.
    """

    alert: bool
    size: int
    rest: int


def framing(data: bytes) -> Framing | None:
    """Return the framing of a request that begins here, in its plainest form.

    None for whatever looks otherwise (a head in pieces, chunked, two requests, the last of its
    connection): it is read by those who can.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[: end + 2].lower()
    if _UNUSUAL[0] in head or _UNUSUAL[1] in head or _UNUSUAL[2] in head:
        return None
    if head.count(b"\n") != head.count(b"\r\n") or _value(head, _CONNECTION) not in _KEPT:
        return None
    length = _value(head, _LENGTH)
    if head.count(b"content-length") > (length != b""):
        return None
    if length and not (length.isdigit() and len(length) <= LENGTH_DIGITS):
        return None
    size = int(length or b"0")
    rest = size - (len(data) - end - 4)
    return Framing(_is_alert(data), size, rest) if rest >= 0 else None


def _value(head: bytes, name: bytes) -> bytes:
    """Return the value of a header in small letters, b"" where there is none."""
    at = head.find(name)
    return head[at + len(name) : head.index(b"\r\n", at + 2)].strip(b" \t") if at >= 0 else b""


def _is_alert(data: bytes) -> bool:
    if not data.startswith(b"POST /"):
        return False
    path = data[5 : data.find(b"\r\n")].partition(b"?")[0].removesuffix(b" HTTP/1.1")
    return path.rstrip(b"/").endswith(_WEBHOOK)


_WEBHOOK = b"/v1/alerts/webhook"
_UNUSUAL = (b"transfer-encoding", b"\r\nexpect", b"\r\nupgrade")
"""Of these it depends where a body ends, and whether there is one."""
_CONNECTION, _KEPT = b"\r\nconnection:", (b"", b"keep-alive")
_LENGTH = b"\r\ncontent-length:"
LENGTH_DIGITS = 9


def retry_after() -> str:
    """Return seconds for Retry-After."""
    return str(random.randint(*RETRY_S))  # noqa: S311 - not a secret
