"""Which notifiers have done nothing but fail lately."""

from receiver.clock import Clock

FORGOTTEN_MS = 900_000
"""One that failed and was not tried again says nothing; retries are at most 450 s apart."""


class Outages:
    """Remembers, for each notifier, the first and the last failure since it last worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, int]] = {}

    def lengths(self) -> dict[str, int]:
        """Return name -> ms from the first to the last failure, of those that only failed."""
        now = self._clock.now()
        return {
            name: last - first
            for name, (first, last) in self._failed.items()
            if now - last <= FORGOTTEN_MS
        }

    def note(self, name: str, *, failed: bool) -> None:
        """Count one attempt."""
        if not failed:
            self._failed.pop(name, None)
            return
        now = self._clock.now()
        first, last = self._failed.get(name, (now, now))
        self._failed[name] = (first if now - last <= FORGOTTEN_MS else now, now)
