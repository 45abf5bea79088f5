"""Which notifiers have done nothing but fail lately, and of what."""

from collections.abc import Container, Iterable

import msgspec

from receiver.clock import Clock

FORGOTTEN_MS = 900_000
"""One that failed and was not tried again says nothing; retries are at most 600 s apart."""


class Outage(msgspec.Struct, frozen=True):
    """A notifier that only failed from ``first`` to ``last`` (ms); ``problem``: of what, lastly."""

    first: int
    last: int
    problem: str


class Outages:
    """Remembers, for each notifier, the first and the last failure since it last worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Outage] = {}

    def present(self) -> dict[str, Outage]:
        """Return the notifiers that only failed lately."""
        now = self._clock.now()
        return {name: of for name, of in self._known.items() if now - of.last <= FORGOTTEN_MS}

    def lengths(self, names: Container[str]) -> dict[str, int]:
        """Return name -> ms from the first to the last failure, of those that only failed."""
        failing = self.present().items()
        return {name: of.last - of.first for name, of in failing if name in names}

    def up(self, names: Iterable[str]) -> dict[str, bool]:
        """Return whether each notifier does not only fail."""
        failing = self.present()
        return {name: name not in failing for name in names}

    def worked(self, name: str) -> None:
        """Count an attempt that succeeded."""
        self._known.pop(name, None)

    def failed(self, name: str, problem: str) -> None:
        """Count an attempt that failed; ``problem`` in words for people."""
        now = self._clock.now()
        known = self._known.get(name)
        fresh = known is None or now - known.last > FORGOTTEN_MS
        self._known[name] = Outage(now if known is None or fresh else known.first, now, problem)
