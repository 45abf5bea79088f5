"""Where in the configuration each route is, and which place decides what holds on it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from receiver.config.problem import Place
from receiver.settings.model import Settings
from receiver.settings.rules import effective
from routing.alert import PRIORITIES
from routing.config.base import Priority
from routing.config.response import EscalationConfig, PriorityConfig
from routing.config.route import RouteConfig
from routing.duration import format_duration
from routing.incident import Incident
from routing.priority import reason_of
from routing.route import Route, RouteTree

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


class Origin(NamedTuple):
    """What decided something of an incident: its kind, its name, what it says, where that stands.

    ``line`` "": nothing was configured, so that what is usual holds.
    """

    what: str
    name: str
    says: str
    line: str


class Origins:
    """Says of an incident which parts of a configuration decided about it."""

    def __init__(self, settings: Settings, lines: Mapping[Place, str]) -> None:
        """``lines`` as of ``receiver.settings.load.Loaded``."""
        self._settings = settings
        self._lines = lines
        self._folded = {_folded(place): line for place, line in lines.items()}
        routes = RouteTree(settings.route).routes
        self._routes: dict[str, tuple[Node, Route]] = {
            route.id: (node, route) for node, route in zip(nodes(settings), routes, strict=True)
        }

    def of(self, incident: Incident) -> list[Origin]:
        """Return route, rule, policy and deadlines, by name; what holds by now, after a reload."""
        wanted = incident.group.route
        node, route = self._routes.get(wanted) or self._routes[""]
        found = [self._route(wanted, node, route), self._rule(incident, node)]
        config = effective(self._settings, route).get(cast("Priority", incident.priority))
        policy = self._settings.escalations.get(config.escalation or "") if config else None
        if config is None or policy is None:
            return found
        name = config.escalation or ""
        chosen = self._line(nearest(node, incident.priority, "escalation"))
        says = f"{incident.priority} follows it here" + (f" ({chosen})" if chosen else "")
        found.append(Origin("policy", name, says, self._line(("escalations", name))))
        found += self._steps(name, policy)
        for field in ("acknowledge_within", "resolve_within", "update_within"):
            within = getattr(config, field)
            if within is not None:
                line = self._line(nearest(node, incident.priority, field))
                found.append(Origin(field, str(within), f"of {incident.priority}", line))
        return found

    def _route(self, wanted: str, node: Node, route: Route) -> Origin:
        name = route.id or "root"
        asked = [str(one) for step in node.line for one in step.config.matchers]
        says = f"takes {', '.join(asked)}" if asked else "takes what no other route does"
        if route.group_by is not None:
            says += f"; one incident for each {', '.join(route.group_by) or 'of its alerts'}"
        if wanted != route.id:
            says = f"{wanted} is not configured any more, so this one holds; it {says}"
        return Origin("route", name, says, self._line(node.place))

    def _rule(self, incident: Incident, node: Node) -> Origin:
        reason = incident.priority_reason
        place: Place | None = None
        for number, rule in enumerate(self._settings.classify.rules, 1):
            if reason == reason_of(rule, number):
                place = ("classify", "rules", number - 1)
        if reason.startswith("severity "):
            place = ("classify", "severities", reason.removeprefix("severity "))
        elif reason == "default":
            place = ("classify", "default")
        elif reason.startswith("route "):
            place = next(
                ((*near.place, "priority") for near in reversed(node.line) if near.config.priority),
                None,
            )
        line = self._line(place) if place is not None else ""
        says = "chosen by a person" if incident.pin is not None else "as it was classified"
        return Origin("priority", incident.priority, f"{reason}; {says}" if reason else says, line)

    def _steps(self, policy: str, config: EscalationConfig) -> Iterator[Origin]:
        for number, step in enumerate(config.steps):
            after = "at once" if not number else "when nobody acknowledged in time"
            if number and step.after is not None:
                after = f"after {format_duration(step.after)}"
            whom = ", ".join(step.notify) + (f" {step.mention}" if step.mention else "")
            line = self._line(("escalations", policy, "steps", number))
            yield Origin(f"step {number + 1}", whom, after, line)

    def _line(self, place: Place) -> str:
        """Return where a value was given, "" where it is the usual one.

        A variable or a flag may have given all that is around it.
        """
        found = self._lines.get(place) or self._folded.get(_folded(place))
        around = (self._lines.get(place[:length], "") for length in range(len(place) - 1, 0, -1))
        return found or next((one for one in around if one and ", line " not in one), "")


def _folded(place: Place) -> Place:
    """Return a place as it is found whatever the case of its names: p1 is P1."""
    return tuple(part.casefold() if isinstance(part, str) else part for part in place)
