"""Which notifiers have done nothing but fail lately, and of what; and which have worked at all.

Two things tell: deliveries, and tries that ring nobody (``notifier_checks``). A delivery that
arrives says that all is well, and a try that works does not: a channel may be looked at and yet
refuse messages.
"""

from collections.abc import Container, Iterable

import msgspec

from receiver.clock import Clock
from receiver.notify.notifier import Tried

FORGOTTEN_MS = 900_000
"""One that failed and was not tried again says nothing; retries are at most 600 s apart."""
LONG_MS = 300_000
"""Deliveries that fail for so long are no hiccup any more."""


class Outage(msgspec.Struct, frozen=True):
    """A notifier that only failed from ``first`` to ``last`` (ms); ``problem``: of what, lastly."""

    first: int
    last: int
    problem: str


class Checked(msgspec.Struct, frozen=True):
    """When a notifier was tried last (ms), and whether by this process."""

    at: int
    here: bool


class State(msgspec.Struct, frozen=True):
    """How a notifier does: ``untried``, ``ok`` or ``failing`` (as ``outage`` says).

    ``words``: what was not tried, and why.
    """

    name: str
    outage: Outage | None = None
    words: str = ""


class NotifierHealth:
    """Remembers, for each notifier, the first and the last failure since it last worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Outage] = {}
        self._tried: dict[str, Outage] = {}
        self._untried: dict[str, str] = {}
        self._works: set[str] = set()
        self._delivered: dict[str, int] = {}
        self._checked: dict[str, Checked] = {}

    def present(self) -> dict[str, Outage]:
        """Return the notifiers that only failed lately."""
        now = self._clock.now()
        lately = {name: of for name, of in self._known.items() if now - of.last <= FORGOTTEN_MS}
        # The next try ends these or goes on with them.
        return self._tried | lately

    def lengths(self, names: Container[str]) -> dict[str, int]:
        """Return name -> ms from the first to the last failure, of those that only failed."""
        failing = self.present().items()
        return {name: of.last - of.first for name, of in failing if name in names}

    def up(self, names: Iterable[str]) -> dict[str, bool]:
        """Return whether each notifier does not only fail."""
        failing = self.present()
        return {name: name not in failing for name in names}

    def states(self, names: Iterable[str]) -> dict[str, State]:
        """Return how each notifier does."""
        failing = self.present()
        return {name: self._state(name, failing.get(name)) for name in names}

    def _state(self, name: str, outage: Outage | None) -> State:
        if outage is not None:
            return State("failing", outage)
        words = self._untried.get(name, "")
        return State("ok" if name in self._works else "untried", words=words)

    def condition(self) -> tuple[str, int]:
        """Return in words which notifiers would deliver nothing, and since when (ms); "": none."""
        found = {
            name: of
            for name, of in self.present().items()
            if name in self._tried or of.last - of.first > LONG_MS
        }
        words = "; ".join(f"{name} does not deliver: {of.problem}" for name, of in found.items())
        return words, min((of.first for of in found.values()), default=0)

    def worked(self, name: str) -> None:
        """Count a delivery that succeeded."""
        self._known.pop(name, None)
        self._tried.pop(name, None)
        self._untried.pop(name, None)
        self._works.add(name)
        self._delivered[name] = self._clock.now()

    def delivered(self, name: str) -> int:
        """Return when this process last delivered to a notifier (ms), 0 for never."""
        return self._delivered.get(name, 0)

    def checked(self, name: str) -> Checked | None:
        """Return when a notifier was tried last, and by whom; None: not yet."""
        return self._checked.get(name)

    def forget(self, name: str) -> None:
        """Know nothing of a notifier: another one has its name now."""
        for known in (self._known, self._tried, self._untried, self._delivered, self._checked):
            known.pop(name, None)
        self._works.discard(name)

    def failed(self, name: str, problem: str) -> None:
        """Count a delivery that failed; ``problem`` in words for people."""
        now = self._clock.now()
        known = self._known.get(name)
        fresh = known is None or now - known.last > FORGOTTEN_MS
        self._known[name] = Outage(now if known is None or fresh else known.first, now, problem)

    def tried(self, name: str, tried: Tried, at: int = 0, *, here: bool = True) -> None:
        """Note what came of a try that rang nobody, ``at`` (ms; 0: now), of this process or not."""
        self._checked[name] = Checked(at or self._clock.now(), here)
        if tried.problem:
            now = self._clock.now()
            known = self._tried.get(name)
            self._tried[name] = Outage(known.first if known else now, now, tried.problem)
            return
        if tried.passing:
            self._untried.setdefault(name, tried.untried)
            return
        self._tried.pop(name, None)
        self._untried[name] = tried.untried
        if tried.works:
            self._works.add(name)
