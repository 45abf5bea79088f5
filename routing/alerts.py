"""The alerts of an incident by fingerprint, with the order that decisions ask for.

A storm tells of a few alerts of a group of thousands with each notification. What is decided then
asks which fire, the most urgent first, and what is different now; to sort and compare all of them
each time would make a storm quadratic. So one value is made of another by what changed.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

from routing.alert import Alert
from routing.interval import last_end

URGENCY = attrgetter("priority", "starts_at", "fingerprint")
"""Most urgent first, then oldest."""


def _end(alert: Alert) -> tuple[int, str]:
    return last_end(alert), alert.fingerprint


_ORDERS: Mapping[str, tuple[Callable[[Alert], Any], bool]] = {
    "alive": (URGENCY, False),
    "over": (URGENCY, True),
    "ended": (_end, True),
}
"""Orders that are kept, each made when it is first asked for: by what, and of what resolved."""


class Alerts(dict[str, Alert]):
    """Alerts by fingerprint; a value that nobody changes, and a dict to all who only read.

    A change costs what changed, but for copies of the table and of one list: 0.1 ms at 10,000.
    """

    __slots__ = ("_orders", "news", "origin")

    def __init__(self, alerts: Mapping[str, Alert] | None = None) -> None:
        super().__init__(alerts or {})
        self._orders: dict[str, list[Alert]] = {}
        self.origin: Alerts | None = None
        """What these were made of, where that is not forgotten."""
        self.news: tuple[str, ...] = ()
        """Fingerprints of which these may say something else than their origin."""

    @classmethod
    def of(cls, alerts: dict[str, Alert]) -> "Alerts":
        """Return the alerts as such a value; one that is costs nothing."""
        return alerts if isinstance(alerts, Alerts) else cls(alerts)

    @property
    def alive(self) -> list[Alert]:
        """Those that fire, most urgent first; nobody may change the list."""
        return self._ordered("alive")

    @property
    def over(self) -> list[Alert]:
        """Those that are resolved, in the same order; nobody may change the list."""
        return self._ordered("over")

    @property
    def ended(self) -> list[Alert]:
        """Those that are resolved, the first that ended first; nobody may change the list."""
        return self._ordered("ended")

    def _ordered(self, name: str) -> list[Alert]:
        known = self._orders.get(name)
        if known is None:
            key, resolved = _ORDERS[name]
            known = sorted((one for one in self.values() if one.resolved is resolved), key=key)
            self._orders[name] = known
        return known

    def ranked(self, first: int, last: int) -> list[Alert]:
        """Return those of places ``first`` to ``last`` - 1: what fires, then what is over."""
        firing = len(self.alive)
        return self.alive[first:last] + self.over[max(0, first - firing) : max(0, last - firing)]

    def changed(self, news: Mapping[str, Alert], gone: Collection[str] = ()) -> "Alerts":
        """Return these alerts with others in their place or added, and without those ``gone``."""
        made = Alerts(self)
        made.origin = self
        # To sort a few anew is quicker than to move as many.
        if (len(news) + len(gone)) * 8 < len(self):
            made._orders = {name: order.copy() for name, order in self._orders.items()}
        made.amend(news, gone)
        return made

    def amend(self, news: Mapping[str, Alert], gone: Collection[str] = ()) -> None:
        """Change this value itself: for who has just made it, and has shown it to nobody."""
        keys = (*news, *gone)
        for name, order in self._orders.items():
            key, resolved = _ORDERS[name]
            for before in (self[one] for one in keys if one in self):
                if before.resolved is resolved:
                    del order[bisect_left(order, key(before), key=key)]
            for alert in news.values():
                if alert.resolved is resolved:
                    insort(order, alert, key=key)
        self.update(news)
        for one in gone:
            del self[one]
        self.news += keys

    def different(self, before: dict[str, Alert]) -> set[str]:
        """Return the fingerprints of which these alerts say something else than those before."""
        found: set[str] = set()
        made: Alerts | None = self
        while made is not None and made is not before:
            found.update(made.news)
            made = made.origin
        if made is None:
            found = {*self, *before}
        return {key for key in found if self.get(key) != before.get(key)}

    def forget_origin(self) -> None:
        """Let go of the values this one was made of; they stay in memory as long as it does."""
        self.origin, self.news = None, ()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Alerts) and self.origin is other:
            return all(self.get(key) == other.get(key) for key in self.news)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as of any dict
