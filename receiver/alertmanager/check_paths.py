"""Which alerts an Alertmanager sends to us by more than one way: each way makes an incident.

Alertmanager takes the first child that matches, and goes on to the next only past
``continue: true``; a route's own receiver gets what none of its children takes.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from routing.implied import impossible
from routing.matcher import Matcher

Place = tuple[str | int, ...]


class Way(NamedTuple):
    """A route to us: its place in the file, its name, its receiver, all matchers on its way."""

    place: Place
    name: str
    receiver: str
    matchers: tuple[Matcher, ...]


def twice(ways: Sequence[Way], continues: Collection[Place]) -> Iterator[tuple[Place, str]]:
    """Yield (place, words) for each ``continue: true`` past which an alert comes to us once more.

    ``ways`` in the order of the file, ``continues`` the places of the routes that say so. Ways that
    are known to share no alert are left out; what cannot be decided is said.
    """
    said: set[Place] = set()
    for number, first in enumerate(ways):
        for second in ways[number + 1 :]:
            fork = _fork(first.place, second.place)
            if fork not in continues or fork in said:
                continue
            if impossible((*first.matchers, *second.matchers)) is None:
                said.add(fork)
                yield fork, _words(first, second)


def _fork(first: Place, second: Place) -> Place:
    """Return where the way to ``first`` leaves that to ``second``; () where one is on the other."""
    for at, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return first[: at + 1]
    return ()


def _words(first: Way, second: Way) -> str:
    by = f"{first.receiver} and {second.receiver}"
    receivers = by if first.receiver != second.receiver else f"{first.receiver} both times"
    return (
        f"continue: true: an alert of {first.name} may go on to {second.name}, and both lead to the"
        f" incident manager (receiver {receivers}): two incidents and two pages for one alert;"
        " leave continue out, or keep the routes apart by a matcher"
    )
