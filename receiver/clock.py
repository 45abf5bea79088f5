"""One clock for everything, in ms. It runs by this machine's elapsed time and never steps.

Wall clocks are set, differ, and jump; Redis's is one of them. What is due and who holds a lease
must not: so all replicas go by Redis's clock plus a ``shift`` they share (``Reference``), and keep
time between two measurements by elapsed time, which nobody can set. When Redis's clock steps, the
shift takes the step up, and the service's time goes on as if nothing had happened. Where Redis and
this machine agree on another time than the service's, that is made up for so slowly that no
deadline is hurt. See docs/adr/0036-the-clock-does-not-step.md.
"""

import logging
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial

import msgspec

from routing.duration import format_duration

log = logging.getLogger("clock")

APART_MS = 6_000
"""Two clocks further apart than this do not say the same; a step beyond it is not followed.

Below a quarter of a lease: a replica that starts after a smaller step may differ by it.
"""
CONFIRM_MS = 4_000
"""How old the reference gets before whoever sees it first confirms it."""
FRESH_MS = APART_MS
"""A reference no older was confirmed by a replica that runs, after any step of Redis's clock that
matters: such a step makes every confirmation before it older than this, or one of the future."""
AGREE_MS = 2_000
"""Redis and this machine say the same time: only then is the service's moved towards it."""
SLEW = 0.01
"""Of the time that passes, how much the service's time is moved: 3 s in a deadline of 5 minutes,
18 s in one of 30."""
FOLLOW = 0.02
"""The same for a replica that follows the reference: it has to be able to catch up with it."""


class Reference(msgspec.Struct, frozen=True):
    """What all replicas share: the service's time is Redis's plus ``shift`` (ms).

    ``at``: when (ms by Redis's clock) the replica ``by`` last confirmed it.
    """

    shift: int
    at: int
    by: str

    @property
    def confirmed(self) -> int:
        """The service's time (ms) when it was last confirmed."""
        return self.at + self.shift


class Open(msgspec.Struct, frozen=True):
    """How many incidents are open: of P1 and P2, and in all."""

    urgent: int
    total: int


def _elapsed_source() -> Callable[[], float]:
    """Return seconds that only go on, also while the machine sleeps: that time did pass."""
    name = "CLOCK_MONOTONIC_RAW" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    number = getattr(time, name, None)
    if number is None:
        return time.monotonic
    try:
        time.clock_gettime(number)
    except OSError:  # a sandbox without it
        return time.monotonic
    return partial(time.clock_gettime, number)


class Clock:
    """Milliseconds since the epoch, as all replicas sharing one Redis see it.

    ``redis_ahead`` and ``machine_ahead``: by how much (ms) Redis's clock and this machine's were
    ahead of it when last measured; ``skew``: by how much it differed from the reference.
    """

    def __init__(
        self,
        elapsed: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``elapsed`` and ``wall`` return seconds; nobody can set the first."""
        self._elapsed = elapsed or _elapsed_source()
        self._wall = wall
        self.id = uuid.uuid4().hex[:12]
        self._since, self._then, self._slew = self._elapsed(), wall() * 1000, 0.0
        self.redis_ahead = self.machine_ahead = self.skew = 0

    def now(self) -> int:
        """Return the current time (ms)."""
        return int(self._time())

    def wall(self) -> float:
        """Return what this machine's own clock says (s): for what was stamped by others' clocks."""
        return self._wall()

    @property
    def behind(self) -> int:
        """By how much (ms) it is behind the time Redis and this machine agree on; 0: it is not."""
        return self.redis_ahead if self._agreed else 0

    @property
    def correction(self) -> int:
        """What to add (ms) to a time for somebody else who goes by the world's; as a rule 0."""
        return self.behind if abs(self.behind) > APART_MS else 0

    @property
    def _agreed(self) -> bool:
        return abs(self.redis_ahead - self.machine_ahead) <= AGREE_MS

    @property
    def problem(self) -> str:
        """What is wrong with the clocks, in words for people; "" for nothing."""
        redis, machine = self.redis_ahead, self.machine_ahead
        if abs(self.skew) > APART_MS:
            return f"this replica's clock is {_apart(-self.skew)} the one the replicas share"
        if self.correction:
            left = format_duration(_whole(self.behind / SLEW))
            return (
                f"Redis's clock and this machine's are {_apart(self.behind)} the service's, which "
                f"follows by 1 % ({left} to go); a restart of all replicas follows at once when "
                f"nothing {'of P1 and P2 ' if self.behind > 0 else ''}is open"
            )
        if abs(redis) > APART_MS and abs(machine) > APART_MS:
            return (
                f"Redis's clock is {_apart(redis)} the service's, this machine's {_apart(machine)}:"
                " set both right (NTP)"
            )
        if abs(redis) > APART_MS:
            return f"Redis's clock is {_apart(redis)} the service's and this machine's (NTP?)"
        if abs(machine) > APART_MS:
            return f"this machine's clock is {_apart(machine)} the service's and Redis's (NTP?)"
        return ""

    def is_fresh(self, known: Reference, redis: float) -> bool:
        """Return whether another replica that runs has confirmed the reference by now."""
        return known.by != self.id and 0 <= redis - known.at <= FRESH_MS

    def begin(self, redis: float, known: Reference | None, opened: Open) -> Reference | None:
        """Take the time over at a start; return the reference to store, if another one.

        ``redis``: what Redis's clock says now (ms). A reference that a running replica confirmed is
        right. Without one the service's time goes on from where it was: never back, and of two
        clocks that differ by the one that has gone on less. Where both agree on a time that is
        far from that, it is taken over if that can hurt nothing that is open.
        """
        if known is None:
            at = redis
        elif self.is_fresh(known, redis):
            self._set(redis + known.shift, redis)
            return None
        else:
            at = self._continued(redis, known)
            if abs(self._wall() * 1000 - redis) <= AGREE_MS and may_move(redis - at, opened):
                log.warning("the service's time is set: it was %s Redis's", _apart(at - redis))
                at = redis
        return self._lay_down(at, redis)

    def _continued(self, redis: float, known: Reference) -> float:
        wall, kept = self._wall() * 1000, redis + known.shift
        if abs(wall - kept) > APART_MS:
            later = [at for at in (kept, wall) if at >= known.confirmed - APART_MS]
            kept = min(later, default=known.confirmed)
        return max(kept, known.confirmed)

    def hear(self, redis: float, known: Reference | None) -> Reference | None:
        """Follow the reference by a measurement of Redis's clock (ms) just made.

        Returns the reference to store: confirmed, moved a little towards the right time, or with a
        step of Redis's clock taken up. None: there is nothing to say.
        """
        own = self._time()
        if known is None:
            return self._lay_down(own, redis)
        off = redis + known.shift - own
        if abs(off) <= APART_MS:
            self._set(own, redis, off)
            return self._confirmed(redis, known)
        if self.is_fresh(known, redis):
            log.warning(
                "this replica's clock was %s the others': followed (was the machine paused?)",
                _apart(-off),
            )
            self._set(own + off, redis)
            return None
        self._set(own, redis, skew=off)
        return Reference(round(own - redis), int(redis), self.id)

    def _confirmed(self, redis: float, known: Reference) -> Reference | None:
        age = redis - known.at
        if 0 <= age < CONFIRM_MS:
            return None
        shift = known.shift
        if self._agreed:
            most = int(SLEW * min(max(age, 0), 60_000))
            shift -= min(max(shift, -most), most)
        return Reference(shift, int(redis), self.id)

    def take_over(self, redis: float) -> Reference:
        """Set the service's time to Redis's (ms), which this machine's agrees with."""
        log.warning("the service's time is set: it was %s Redis's", _apart(-self.behind))
        return self._lay_down(redis, redis)

    def stored(self) -> None:
        """Note that the reference ``hear`` returned is the one all share now."""
        if abs(self.skew) > APART_MS:
            step = f"{format_duration(_whole(self.skew))} {'ahead' if self.skew > 0 else 'back'}"
            log.warning("Redis's clock stepped %s: not followed", step)
            self.skew = 0

    def _lay_down(self, at: float, redis: float) -> Reference:
        self._set(at, redis)
        return Reference(round(at - redis), int(redis), self.id)

    def _set(self, at: float, redis: float, slew: float = 0.0, skew: float = 0.0) -> None:
        """Go on from ``at``, and make up for ``slew`` (ms) from there."""
        self._since, self._then, self._slew = self._elapsed(), at, slew
        self.redis_ahead = round(redis - at)
        self.machine_ahead = round(self._wall() * 1000 - at)
        self.skew = round(slew + skew)

    def _time(self) -> float:
        passed = (self._elapsed() - self._since) * 1000
        most = passed * FOLLOW
        return self._then + passed + min(max(self._slew, -most), most)


def may_move(by: float, opened: Open) -> bool:
    """Return whether the service's time may be moved at once by so many ms.

    Forwards that ends what is due in between: nothing of P1 and P2 may be open. Backwards it puts
    off what waits: nothing may be.
    """
    if abs(by) <= APART_MS:
        return False
    return not (opened.urgent if by > 0 else opened.total)


def _apart(ahead: float) -> str:
    return f"{format_duration(_whole(abs(ahead)))} {'ahead of' if ahead > 0 else 'behind'}"


def _whole(ms: float) -> int:
    return round(abs(ms) / 1000) * 1000
