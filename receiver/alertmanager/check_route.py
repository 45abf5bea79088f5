"""Routes of a configuration of Alertmanager."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from routing.matcher import Matcher, parse_matchers

Place = tuple[str | int, ...]


class Route(NamedTuple):
    """A route whose own receiver alerts can reach; intervals in ms, inherited where not given."""

    place: Place
    name: str
    receiver: str
    matchers: tuple[Matcher, ...]
    group_interval: int
    repeat_interval: int


def no_route(hooks: Iterable[str]) -> str:
    """Return what is wrong without any route that leads here."""
    return f"no route leads to the receiver {', '.join(sorted(hooks))}"


def called(route: Route) -> str:
    """Return how a receiver is called in a sentence."""
    return "the root route" if route.name == "route" else f"the route {route.name}"


def parsed(node: dict[str, Any]) -> Iterator[Matcher]:
    """Yield a route's matchers, as far as they can be read: without one it takes more."""
    given = node.get("matchers")
    for item in given if isinstance(given, list) else [given or ""]:
        with suppress(ValueError):
            yield from parse_matchers(str(item))
    for key, operator in (("match", "="), ("match_re", "=~")):
        pairs = node.get(key)
        for name, value in pairs.items() if isinstance(pairs, dict) else ():
            with suppress(ValueError):
                yield Matcher(str(name), operator, str(value))


def matchers_of(node: dict[str, Any]) -> str:
    """Return a route's matchers as one would write them."""
    given = node.get("matchers")
    shown = [str(item) for item in given] if isinstance(given, list) else [str(given or "")]
    for key, operator in (("match", "="), ("match_re", "=~")):
        pairs = node.get(key)
        for name, value in pairs.items() if isinstance(pairs, dict) else ():
            shown.append(f'{name}{operator}"{value}"')
    text = ", ".join(item for item in shown if item)
    return f"{{{text}}}" if text else ""
