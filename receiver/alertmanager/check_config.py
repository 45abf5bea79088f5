"""Reads an Alertmanager configuration and says what in it does not go well with ours.

An alert that is not reported again within ``incidents.stale_after`` counts as stale. Alertmanager
repeats a group after ``repeat_interval``, rounded up to its next ``group_interval``, so the sum of
both has to be less. A peer takes a late firing copy back with its next ``group_interval``, so
``incidents.peer_window`` has to be longer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from receiver.alertmanager.check_paths import Way, twice
from receiver.alertmanager.check_route import Place, Route, called, matchers_of, no_route, parsed
from receiver.config.yaml_lines import Document, read_yaml
from receiver.errors import ConfigError
from routing.config.base import IncidentsConfig
from routing.duration import format_duration, parse_duration

WEBHOOK = "/v1/alerts/webhook"
USUAL = {"group_interval": "5m", "repeat_interval": "4h"}
"""Of a root route that does not say (Alertmanager, "Configuration", route)."""
HELD = ("active_time_intervals", "mute_time_intervals")
"""What holds the notifications of a route back; children do not inherit it."""
MAX_DEPTH = 100
PEER_MS = 15_000
"""A peer waits so long for the one before it (Alertmanager, ``--cluster.peer-timeout``)."""
NO_WEBHOOK = "no receiver has a webhook: no alert comes to the incident manager"

_PLAIN = str.maketrans("", "", "[]'\"")


def check_alertmanager(path: Path, incidents: IncidentsConfig) -> list[str]:
    """Return warnings as ``file:line: what``, in the order of the file.

    ``incidents``: ours. Looked at are the routes to receivers with a webhook that ends in our path,
    or with any webhook where none does. ConfigError with file and line for a file that cannot be
    read or is no such configuration.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    found = _read(path, text).run(incidents)
    return [f"{path}:{line}: {what}" for line, what in sorted(found)]


def why_nothing_comes(text: str) -> str:
    """Return why this configuration sends nothing to us, "" when it does.

    Newer Alertmanagers hide the URL of a webhook: there, one that may be ours counts. ConfigError.
    """
    return _read(Path("alertmanager.yml"), text).why_nothing_comes()


def _read(path: Path, text: str) -> "_Check":
    document = read_yaml(text)
    if document.problems:
        raise ConfigError(*(f"{path}:{line}: {what}" for line, what in document.problems))
    return _Check(path, document)


class _Check:
    """One check of one file."""

    def __init__(self, path: Path, document: Document) -> None:
        self._path = path
        self._document = document
        self._continues: set[Place] = set()
        self._held: dict[Place, str] = {}

    def why_nothing_comes(self) -> str:
        """Return the warning that no alert comes to us, "" when there is none."""
        top = self._mapping(self._document.data, ())
        hooks = self._our_webhooks(top)
        if not hooks:
            return NO_WEBHOOK
        routes = self._routes(self._mapping(top.get("route"), ("route",)), ("route",))
        return "" if any(route.receiver in hooks for route in routes) else no_route(hooks)

    def run(self, incidents: IncidentsConfig) -> list[tuple[int, str]]:
        """Return (line, warning)."""
        top = self._mapping(self._document.data, ())
        hooks = self._our_webhooks(top)
        if not hooks:
            return [(1, NO_WEBHOOK)]
        routes = list(self._routes(self._mapping(top.get("route"), ("route",)), ("route",)))
        ours = [route for route in routes if route.receiver in hooks]
        found = [self._stale(route, incidents.stale_after) for route in ours]
        found += [self._late(route, incidents.peer_window) for route in ours]
        found += [self._holds(route) for route in ours if route.place in self._held]
        ways = [Way(one.place, called(one), one.receiver, one.matchers) for one in ours]
        for place, words in twice(ways, self._continues):
            found.append((self._line((*place, "continue")), words))
        if not ours:
            found.append((self._line(("route",)), no_route(hooks)))
        for places in hooks.values():
            for place, hook in places:
                found += self._webhook(place, hook)
            found += self._doubled(places)
        return [item for item in found if item is not None]

    def _our_webhooks(self, top: dict[str, Any]) -> dict[str, list[tuple[Place, dict[str, Any]]]]:
        """Return receiver -> its webhooks that are, or may be, ours, with their places."""
        every: dict[str, list[tuple[Place, dict[str, Any]]]] = {}
        sure: dict[str, list[tuple[Place, dict[str, Any]]]] = {}
        for number, item in enumerate(self._list(top.get("receivers"), ("receivers",))):
            place: Place = ("receivers", number)
            receiver = self._mapping(item, place)
            name = str(receiver.get("name", ""))
            place = (*place, "webhook_configs")
            for index, entry in enumerate(self._list(receiver.get("webhook_configs"), place)):
                hook = self._mapping(entry, (*place, index))
                every.setdefault(name, []).append(((*place, index), hook))
                if urlsplit(str(hook.get("url", ""))).path.rstrip("/").endswith(WEBHOOK):
                    sure.setdefault(name, []).append(((*place, index), hook))
        return sure or every

    def _routes(
        self, node: dict[str, Any], place: Place, above: Route | None = None
    ) -> Iterator[Route]:
        """Go through the tree; leave out what no alert reaches."""
        if len(place) > 2 * MAX_DEPTH:
            raise self._problem(place, "routes are nested too deeply")
        route = self._inherit(node, place, above)
        children = self._list(node.get("routes"), (*place, "routes"))
        own = True
        below: list[Route] = []
        for number, item in enumerate(children):
            where = (*place, "routes", number)
            child = self._mapping(item, where)
            below += self._routes(child, where, route)
            takes_all = not any(child.get(key) for key in ("matchers", "match", "match_re"))
            own = own and not takes_all
            if child.get("continue") is True:
                self._continues.add(where)
            elif takes_all:
                break
        if own:
            yield route
        yield from below

    def _inherit(self, node: dict[str, Any], place: Place, above: Route | None) -> Route:
        intervals = [
            self._duration(
                node.get(name, None if above else usual), (*place, name), getattr(above, name, 0)
            )
            for name, usual in USUAL.items()
        ]
        receiver = node.get("receiver") or (above.receiver if above else "")
        held = [f"{key}: {node[key]}" for key in HELD if node.get(key)]
        if held:
            self._held[place] = ", ".join(held).translate(_PLAIN)
        shown = matchers_of(node) or "everything"
        name = f"{above.name} > {shown}" if above and above.name != "route" else shown
        matchers = (*(above.matchers if above else ()), *parsed(node))
        return Route(place, name if above else "route", str(receiver), matchers, *intervals)

    def _stale(self, route: Route, stale_after_ms: int) -> tuple[int, str] | None:
        longest = route.repeat_interval + route.group_interval
        if not stale_after_ms or stale_after_ms > longest:
            return None
        words = (
            f"{called(route)} to {route.receiver} repeats a group after up to"
            f" {format_duration(longest)} (repeat_interval"
            f" {format_duration(route.repeat_interval)} + group_interval"
            f" {format_duration(route.group_interval)}), and incidents.stale_after is"
            f" {format_duration(stale_after_ms)}: alerts that fire all the time would count as"
            f" stale; set incidents.stale_after to more than {format_duration(longest)}, or a"
            " shorter repeat_interval"
        )
        return self._line(route.place), words

    def _holds(self, route: Route) -> tuple[int, str]:
        words = (
            f"{called(route)} to {route.receiver} holds notifications back"
            f" ({self._held[route.place]}), and with them the news that an alert has ended: its"
            " incident stays open; leave that out here, and set quiet_hours of a priority"
        )
        return self._line(route.place), words

    def _doubled(self, places: list[tuple[Place, dict[str, Any]]]) -> Iterator[tuple[int, str]]:
        """Two webhooks of one receiver are one group, unless they say they are two clusters."""
        urls = {str(hook.get("url", "")) for _, hook in places}
        if len(places) > 1 and len({urlsplit(url).query for url in urls}) > 1:
            words = "a second webhook of this receiver has another ?cluster=: each alert makes two"
            yield self._line(places[1][0]), f"{words} incidents; keep one of them"

    def _late(self, route: Route, peer_window: int) -> tuple[int, str] | None:
        longest = route.group_interval + PEER_MS
        if peer_window > longest:
            return None
        words = (
            f"{called(route)} to {route.receiver} has a group_interval of"
            f" {format_duration(route.group_interval)}, and incidents.peer_window is"
            f" {format_duration(peer_window)}: a late copy of a peer would page before the peer"
            f" takes it back; set incidents.peer_window to more than {format_duration(longest)}, or"
            " a shorter group_interval"
        )
        return self._line(route.place), words

    def _webhook(self, place: Place, hook: dict[str, Any]) -> Iterator[tuple[int, str]]:
        if hook.get("send_resolved") is False:
            words = "send_resolved is false: incidents do not end when their alerts do"
            yield self._line((*place, "send_resolved")), f"{words}; set it to true"
        most = hook.get("max_alerts", 0)
        if isinstance(most, int) and most > 0:
            words = f"max_alerts is {most}: the rest of a larger group is not seen, nor its end"
            yield self._line((*place, "max_alerts")), f"{words}; set it to 0"

    def _duration(self, value: Any, place: Place, inherited: int) -> int:
        if value is None:
            return inherited
        try:
            return parse_duration(str(value))
        except ValueError as error:
            raise self._problem(place, str(error)) from None

    def _mapping(self, value: Any, place: Place) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        what = f"{place[-1]} must be" if place and isinstance(place[-1], str) else "expected"
        raise self._problem(place, f"{what} a mapping, as in a configuration of Alertmanager")

    def _list(self, value: Any, place: Place) -> list[Any]:
        if value is None or isinstance(value, list):
            return value or []
        raise self._problem(place, f"{place[-1]} must be a list")

    def _problem(self, place: Place, what: str) -> ConfigError:
        return ConfigError(f"{self._path}:{self._line(place)}: {what}")

    def _line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it."""
        lines = self._document.lines
        near = (lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines)
        return next(near, 1)
