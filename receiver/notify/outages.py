"""Which notifiers have done nothing but fail lately, seen by standing between them and delivery."""

from collections.abc import Mapping

from receiver.clock import Clock
from receiver.notify.base import (
    Absent,
    Delivered,
    Notifier,
    Outcome,
    Receipt,
    Rejected,
    Retry,
    Step,
    View,
    Wait,
)

FORGOTTEN_MS = 900_000
"""One that failed and was not tried again says nothing; retries are at most 450 s apart."""


class Outages:
    """Remembers, for each notifier, the first and the last failure since it last worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, int]] = {}

    def over(self, notifiers: Mapping[str, Notifier]) -> dict[str, Notifier]:
        """Return the same notifiers, watched from now on."""
        return {name: _Watched(notifier, self) for name, notifier in notifiers.items()}

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


class _Watched:
    """A notifier as it is, whose outcomes are noted."""

    def __init__(self, notifier: Notifier, outages: Outages) -> None:
        self._notifier = notifier
        self._outages = outages
        self.name, self.kind = notifier.name, notifier.kind
        self.timeout, self.steps = notifier.timeout, notifier.steps

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        return self._notifier.plan(view, receipt)

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        outcome = await self._notifier.perform(view, receipt, step)
        self._outages.note(self.name, failed=not isinstance(outcome, Delivered))
        return outcome

    async def find(self, view: View, receipt: Receipt) -> Delivered | Absent | Retry | Rejected:
        found = await self._notifier.find(view, receipt)
        # "Absent" may be said without asking anybody.
        if not isinstance(found, Absent):
            self._outages.note(self.name, failed=not isinstance(found, Delivered))
        return found

    async def close(self) -> None:
        await self._notifier.close()
