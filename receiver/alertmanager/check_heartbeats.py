"""Whether Alertmanager repeats the alert of a heartbeat often enough, and to us.

A heartbeat with matchers is beaten by the repeats of an alert that always fires, such as a
Watchdog. Which route that alert takes follows from the labels that the matchers name.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from receiver.alertmanager.check_config import USUAL, WEBHOOK
from receiver.config.yaml_lines import Document, read_yaml
from routing.config.base import HeartbeatConfig
from routing.duration import format_duration, parse_duration
from routing.matcher import Matcher, matches_all, parse_matchers

Place = tuple[str | int, ...]


class _Taken(NamedTuple):
    """A route that an alert takes; intervals in ms."""

    place: Place
    receiver: str
    group_interval: int
    repeat_interval: int

    @property
    def repeats(self) -> int:
        """Return after how long (ms) it sends again: at the next turn of its group."""
        turn = self.group_interval or 1
        return math.ceil(self.repeat_interval / turn) * turn


def check_heartbeats(path: Path, heartbeats: Mapping[str, HeartbeatConfig]) -> list[str]:
    """Return warnings as ``file:line: what`` for a file that ``check_alertmanager`` could read."""
    document = read_yaml(path.read_text(encoding="utf-8-sig"))
    top = document.data if isinstance(document.data, dict) else {}
    hooks = _our_receivers(top)
    found: list[str] = []
    for name, config in heartbeats.items():
        labels = _labels(config)
        if labels is None or not hooks:
            continue
        taken = list(_routes(top.get("route") or {}, ("route",), labels, None))
        ours = [route for route in taken if route.receiver in hooks]
        shown = ", ".join(str(matcher) for matcher in config.matchers)
        for line, words in _problems(document, name, config, taken, ours):
            found.append(f"{path}:{line}: the alert of heartbeats.{name} ({shown}) {words}")
    return found


def _problems(
    document: Document,
    name: str,
    config: HeartbeatConfig,
    taken: list[_Taken],
    ours: list[_Taken],
) -> Iterator[tuple[int, str]]:
    every = format_duration(config.interval)
    if not ours:
        receivers = ", ".join(dict.fromkeys(route.receiver for route in taken))
        words = f"goes to {receivers or 'no receiver'} and never comes here: it would be missing"
        place = taken[0].place if taken else ("route",)
        yield _line(document, place), f"{words} after {every}; send it to our webhook"
        return
    fastest = min(ours, key=lambda route: route.repeats)
    if fastest.repeats >= config.interval:
        words = (
            f"is repeated every {format_duration(fastest.repeats)} (repeat_interval"
            f" {format_duration(fastest.repeat_interval)}, in steps of group_interval"
            f" {format_duration(fastest.group_interval)}), and the heartbeat is missing after"
            f" {every}: set repeat_interval below that on a route of its own, or"
            f" heartbeats.{name}.interval above it"
        )
        yield _line(document, fastest.place), words


def _labels(config: HeartbeatConfig) -> dict[str, str] | None:
    """Return the labels that the alert has for certain; None where it has none."""
    labels = {}
    for matcher in config.matchers:
        if matcher.values is not None and len(matcher.values) == 1:
            (labels[matcher.name],) = matcher.values
    return labels or None


def _our_receivers(top: Mapping[str, Any]) -> set[str]:
    return {
        str(receiver.get("name", ""))
        for receiver in top.get("receivers") or ()
        for hook in receiver.get("webhook_configs") or ()
        if urlsplit(str(hook.get("url", ""))).path.rstrip("/").endswith(WEBHOOK)
    }


def _routes(
    node: Mapping[str, Any], place: Place, labels: Mapping[str, str], above: _Taken | None
) -> Iterator[_Taken]:
    """Yield the routes that an alert takes, as Alertmanager finds them."""
    here = _inherit(node, place, above)
    found = False
    for number, child in enumerate(node.get("routes") or ()):
        matchers = _matchers(child)
        if matchers is not None and matches_all(matchers, labels):
            yield from _routes(child, (*place, "routes", number), labels, here)
            found = True
            if child.get("continue") is not True:
                return
    if not found:
        yield here


def _inherit(node: Mapping[str, Any], place: Place, above: _Taken | None) -> _Taken:
    receiver = str(node.get("receiver") or (above.receiver if above else ""))
    found = []
    for name, usual in USUAL.items():
        inherited = getattr(above, name) if above else parse_duration(usual)
        given = node.get(name)
        found.append(inherited if given is None else parse_duration(str(given)))
    return _Taken(place, receiver, *found)


def _matchers(node: Mapping[str, Any]) -> list[Matcher] | None:
    """Return a route's matchers in all their forms, None where they cannot be read."""
    given = node.get("matchers") or ()
    texts = [given] if isinstance(given, str) else list(given)
    try:
        found = [matcher for text in texts for matcher in parse_matchers(str(text))]
        for key, operator in (("match", "="), ("match_re", "=~")):
            pairs = node.get(key) or {}
            found += [Matcher(str(name), operator, str(value)) for name, value in pairs.items()]
    except ValueError:
        return None
    return found


def _line(document: Document, place: Place) -> int:
    lines = document.lines
    near = (lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines)
    return next(near, 1)
