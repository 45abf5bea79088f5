"""A small model of those who send to us: Prometheis that evaluate, and the world between us.

Made from what they do, not from what we expect of them: here prometheus/prometheus
rules/alerting.go (needsSending, resolvedRetention, ValidUntil). Times are true ms since ``T0``;
each machine has a clock that may be off and may step.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.support.upstream_alertmanager import Alertmanager

S = 1_000
M = 60 * S
T0 = 1_772_445_600_000
RESOLVED_RETENTION = 15 * M
RESEND_DELAY = M


class Copy(NamedTuple):
    """An alert as a notification tells it; ``ends`` 0: it fires."""

    fingerprint: str
    starts: int
    ends: int


class Delivery(NamedTuple):
    """A notification: when it came, and when and by whom it was sent."""

    at: int
    sent: int
    sender: int
    alerts: tuple[Copy, ...]


class World:
    """True time, what happens in it, and what the network does."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = T0
        self.delivered: list[Delivery] = []
        self.notifier_health: list[tuple[int, int]] = []
        self.calm_from = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay: int, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now + max(0, delay), self._count, what))

    def run(self, until: int) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, what = heapq.heappop(self._heap)
            what()
        self.now = until

    @property
    def calm(self) -> bool:
        """From then on nothing is lost."""
        return self.now >= self.calm_from

    def out(self) -> bool:
        """Return whether the service does not answer now."""
        return any(since <= self.now < until for since, until in self.notifier_health)


class _Rule:
    """One active alert of a rule."""

    def __init__(self, fired_at: int) -> None:
        self.fired_at = fired_at
        self.resolved_at = 0
        self.last_sent = 0


class Prometheus:
    """Evaluates what is true, by its own clock and as far as it sees it."""

    def __init__(
        self, world: World, interval: int, sees: Callable[[str], bool], names: Sequence[str]
    ) -> None:
        self._world = world
        self.interval = interval
        self._sees = sees
        self._names = names
        self._active: dict[str, _Rule] = {}
        self.alertmanagers: list[Alertmanager] = []
        self.cut_off: set[int] = set()
        self.offset = 0
        self.down = False

    def start(self) -> None:
        self._world.after(self._world.chance.randrange(self.interval), self._evaluate)

    def crash(self, downtime: int) -> None:
        """Forget everything, for there is no ``for`` to restore."""
        self._active.clear()
        self.down = True

        def up() -> None:
            self.down = False

        self._world.after(downtime, up)

    def _evaluate(self) -> None:
        self._world.after(self.interval, self._evaluate)
        if self.down:
            return
        ts = self._world.now + self.offset
        for name in self._names:
            rule = self._active.get(name)
            if self._sees(name):
                if rule is None or rule.resolved_at:
                    self._active[name] = _Rule(ts)
            elif rule is not None and not rule.resolved_at:
                rule.resolved_at = ts
            elif rule is not None and ts - rule.resolved_at > RESOLVED_RETENTION:
                del self._active[name]
        for name, rule in self._active.items():
            if rule.resolved_at > rule.last_sent or rule.last_sent + RESEND_DELAY < ts:
                rule.last_sent = ts
                valid = ts + 4 * max(self.interval, RESEND_DELAY)
                self._send(name, rule.fired_at, rule.resolved_at or valid)

    def _send(self, name: str, starts: int, ends: int) -> None:
        for peer in self.alertmanagers:
            if peer.index not in self.cut_off:
                delay = self._world.chance.randint(5, 400)
                self._world.after(delay, lambda peer=peer: peer.post(name, starts, ends))
