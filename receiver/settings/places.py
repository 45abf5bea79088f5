"""Where in the configuration each route is, and which place decides what holds on it."""

from collections.abc import Iterator
from typing import NamedTuple, cast

from receiver.config.problem import Place
from receiver.settings.model import Settings
from routing.alert import PRIORITIES
from routing.config.base import Priority
from routing.config.response import PriorityConfig
from routing.config.route import RouteConfig

FIELDS = tuple(PriorityConfig.model_fields)
_OF_ROUTES = ("escalation", "calendar")
"""What a route may say of all priorities at once."""


class Node(NamedTuple):
    """A route of the configuration, after its ancestors from the root on (itself the last)."""

    place: Place
    config: RouteConfig
    above: tuple["Node", ...]

    @property
    def line(self) -> tuple["Node", ...]:
        """Return the root, its child and so on to this route."""
        return (*self.above, self)


def nodes(settings: Settings) -> Iterator[Node]:
    """Yield every route, a parent before its children, in the order of ``RouteTree.routes``."""
    waiting = [Node(("route",), settings.route, ())]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [
            Node((*node.place, "routes", number), child, node.line)
            for number, child in reversed(list(enumerate(node.config.routes)))
        ]


def deciding(node: Node) -> Iterator[Place]:
    """Yield for each priority and field of it the place that decides it on a route.

    It is the nearest one, as in ``policy.effective``; whether anything is given there is not asked.
    """
    for priority in PRIORITIES:
        for field in FIELDS:
            yield nearest(node, priority, field)


def nearest(node: Node, priority: str, field: str) -> Place:
    """Return the place that decides a field of a priority on a route."""
    for near in reversed(node.line):
        change = near.config.priorities.get(cast("Priority", priority))
        if change is not None and field in change.given():
            return (*near.place, "priorities", priority, field)
        if field in _OF_ROUTES and getattr(near.config, field):
            return (*near.place, field)
    return ("priorities", priority, field)
