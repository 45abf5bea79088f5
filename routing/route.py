"""The routing tree: which of our routes an alert takes, as in Alertmanager."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from routing.alert import PRIORITIES
from routing.config.base import Priority
from routing.config.response import PriorityChange
from routing.config.route import RouteConfig
from routing.matcher import Matcher, matches_all


class Route(msgspec.Struct, frozen=True):
    """Where matching alerts go.

    ``id`` is "" for the root, the configured name, or the position in the tree ("0", "0.1"); it is
    part of an incident's identity. ``group_by`` None keeps the sender's groups. All but ``id`` and
    ``matchers`` are inherited from the parent where the route says nothing itself; ``changes`` are
    what the root, its child and so on to this route change of priorities, and the last one wins.
    """

    id: str
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    team: str = ""
    priority: str | None = None
    calendar: str | None = None
    changes: tuple[Mapping[Priority, PriorityChange], ...] = ()


class _Node(NamedTuple):
    route: Route
    goes_on: bool
    children: tuple["_Node", ...]


class RouteTree:
    """The tree of a configuration. ValueError when two routes have one id."""

    def __init__(self, config: RouteConfig) -> None:
        self._by_id: dict[str, Route] = {}
        self.root = _inherit(Route(""), config, "")
        self._tree = self._grow(config, self.root, "")
        self._only = (self.root,)

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes, depth first, a parent before its children."""
        return tuple(self._by_id.values())

    def walk(self) -> Iterator[tuple[int, Route]]:
        """Yield all routes with how deep in the tree they are, in the order they are tried."""
        return _walk(self._tree, 0)

    def match(self, labels: Mapping[str, str]) -> tuple[Route, ...]:
        """Return the routes an alert takes, at least one: the deepest match of each branch.

        Of the children the first that matches is taken; after one with ``continue`` the following
        ones are tried too. A route none of whose children match takes the alert itself.
        """
        if not self._tree.children:
            return self._only
        return _match(self._tree, labels)

    def by_id(self, route_id: str) -> Route:
        """Return a route; the root for an id that no route has any more."""
        return self._by_id.get(route_id, self.root)

    def path(self, route_id: str) -> tuple[Route, ...]:
        """Return the routes from the root to the one with this id (see ``by_id``)."""
        way: list[Route] = []
        for depth, route in self.walk():
            way[depth:] = [route]
            if route.id == route_id:
                return tuple(way)
        return (self.root,)

    def _grow(self, config: RouteConfig, route: Route, position: str) -> _Node:
        if route.id in self._by_id:
            raise ValueError(f"two routes are named {route.id!r}")
        self._by_id[route.id] = route
        children = []
        for number, child in enumerate(config.routes):
            place = f"{position}.{number}" if position else str(number)
            inherited = _inherit(route, child, child.name or place)
            children.append(self._grow(child, inherited, place))
        return _Node(route, config.continue_, tuple(children))


def _walk(node: _Node, depth: int) -> Iterator[tuple[int, Route]]:
    yield depth, node.route
    for child in node.children:
        yield from _walk(child, depth + 1)


def _inherit(parent: Route, child: RouteConfig, route_id: str) -> Route:
    return Route(
        id=route_id,
        matchers=child.matchers,
        group_by=parent.group_by if child.group_by is None else child.group_by,
        team=child.team or parent.team,
        priority=child.priority or parent.priority,
        calendar=child.calendar or parent.calendar,
        changes=(*parent.changes, changed) if (changed := _changes(child)) else parent.changes,
    )


def _changes(config: RouteConfig) -> Mapping[Priority, PriorityChange]:
    """Return what a route changes itself: its policy and calendar are those of all priorities."""
    if not (config.escalation or config.calendar):
        return config.priorities
    found: dict[Priority, PriorityChange] = {}
    for priority in PRIORITIES:
        own = config.priorities.get(priority, PriorityChange())
        usual = {
            "escalation": own.escalation or config.escalation,
            "calendar": own.calendar or config.calendar,
        }
        found[priority] = own.model_copy(update=usual)
    return found


def _match(node: _Node, labels: Mapping[str, str]) -> tuple[Route, ...]:
    found: tuple[Route, ...] = ()
    for child in node.children:
        if matches_all(child.route.matchers, labels):
            found += _match(child, labels)
            if not child.goes_on:
                break
    return found or (node.route,)
