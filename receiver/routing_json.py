"""What an alert or an incident comes to, as programs read it: the API and the command line."""

from collections.abc import Iterable, Mapping
from typing import TypedDict

from receiver.incident_shapes import Count, Time, When
from receiver.text.times import rfc3339
from routing.calendar import Calendar
from routing.incident import Incident, describe
from routing.meaning import Recipient
from routing.played import Ahead, Happening, Played
from routing.route import Route

Origin = tuple[str, str, str, str]
"""As ``settings.places`` has them: of what, its name, what it says, file and line."""
ALERTS = 20
"""Alerts of an incident of which it is said how urgent each is, and why."""


class RouteShape(TypedDict):
    """A route: its name, null for the root, and the matchers that lead to it."""

    route: str | None
    matchers: list[str]


class HappeningShape(TypedDict):
    """A page, or (``step`` and ``who`` null) the end of a clock; ``at_local``: by the calendar."""

    at: Time
    at_local: str
    after_seconds: float
    step: Count | None
    who: str | None
    why: str


class RoutePlayed(TypedDict):
    """What an alert comes to on a route; ``path``: from the root to it.

    ``happenings`` when nobody answers, or when somebody does: 200 at most, and 1,000 of all routes;
    ``end``: how it ends, in words.
    """

    route: str | None
    path: list[RouteShape]
    matchers: list[str]
    team: str | None
    priority: str
    priority_reason: str
    policy: str
    runbook_url: str | None
    runbook_source: str
    opens_at: Time
    opens_local: str
    time_zone: str
    happenings: list[HappeningShape]
    end: str


class AlertPlayed(TypedDict):
    """Each route it takes; none where the alert is only the beat of ``heartbeats``."""

    labels: dict[str, str]
    heartbeats: list[str]
    routes: list[RoutePlayed]


class AlertReason(TypedDict):
    """How urgent an alert is and why, and where its runbook is from."""

    title: str
    firing: bool
    priority: str
    priority_reason: str
    runbook_source: str


class ToldShape(TypedDict):
    """An entry of the timeline."""

    number: Count
    at: When
    text: str


class OriginShape(TypedDict):
    """A part of the configuration that decided: of what, its name, what it says, file and line."""

    what: str
    name: str
    says: str
    place: str


class Explanation(TypedDict):
    """Why an incident is where it is, whom it told, and what is ahead while nobody does anything.

    ``origins``: the lines of the configuration that decided.
    ``told``: what its timeline says of pages, clocks and answers, the latest. ``route_is_there``
    false: the configuration has it no more, and the root's rules hold.
    """

    id: str
    state: str
    title: str
    as_of: Time
    route: str | None
    route_is_there: bool
    path: list[RouteShape]
    team: str | None
    priority: str
    priority_reason: str
    alerts: list[AlertReason]
    origins: list[OriginShape]
    runbook_url: str | None
    policy: str
    step: Count
    time_zone: str
    told: list[ToldShape]
    happenings: list[HappeningShape]
    end: str


def played_json(played: Played) -> RoutePlayed:
    """Return one route that an alert takes."""
    alert, route, calendar = played.alert, played.route, played.clock.calendar
    return {
        "route": route.id or None,
        "path": _path(played.path),
        "matchers": [str(one) for one in route.matchers],
        "team": route.team or None,
        "priority": alert.priority,
        "priority_reason": alert.priority_reason,
        "policy": played.clock.policy,
        "runbook_url": alert.runbook_url or None,
        "runbook_source": alert.runbook_source,
        "opens_at": _time(played.start),
        "opens_local": local(played.start, calendar),
        "time_zone": calendar.time_zone,
        "happenings": _happenings(played.happenings, played.start, calendar),
        "end": played.end,
    }


def alert_json(
    labels: Mapping[str, str], beats: Iterable[str], played: Iterable[Played]
) -> AlertPlayed:
    """Return what an alert comes to; ``beats``: the heartbeats that it is a beat of."""
    routes = [played_json(one) for one in played]
    return {"labels": dict(labels), "heartbeats": list(beats), "routes": routes}


def explanation(
    incident: Incident,
    found: Ahead,
    told: Iterable[ToldShape],
    origins: Iterable[Origin],
    now: int,
) -> Explanation:
    """Return why an incident is where it is, as of ``now`` (ms)."""
    calendar, route = found.clock.calendar, incident.group.route
    return {
        "id": incident.id,
        "state": incident.state,
        "title": incident.title,
        "as_of": _time(now),
        "route": route or None,
        "route_is_there": found.path[-1].id == route,
        "path": _path(found.path),
        "team": incident.team or None,
        "priority": incident.priority,
        "priority_reason": incident.priority_reason,
        "alerts": _alerts(incident),
        "origins": [
            {"what": what, "name": name, "says": says, "place": place}
            for what, name, says, place in origins
        ],
        "runbook_url": incident.runbook_url or None,
        "policy": found.clock.policy,
        "step": incident.step + 1,
        "time_zone": calendar.time_zone,
        "told": list(told),
        "happenings": _happenings(found.happenings, now, calendar),
        "end": found.end,
    }


def local(at: int, calendar: Calendar) -> str:
    """Return a moment (ms) as a clock on the wall of the calendar's zone shows it."""
    return calendar.local(at).strftime("%a %Y-%m-%d %H:%M:%S")


def recipient(to: Recipient) -> str:
    """Return a notifier with whom its page mentions."""
    return f"{to.notifier} {to.mention}" if to.mention else to.notifier


def _path(routes: Iterable[Route]) -> list[RouteShape]:
    return [
        {"route": route.id or None, "matchers": [str(one) for one in route.matchers]}
        for route in routes
    ]


def _alerts(incident: Incident) -> list[AlertReason]:
    shown = sorted(
        incident.complete_alerts(), key=lambda one: (one.resolved, one.priority, one.starts_at)
    )
    return [
        {
            "title": describe(alert),
            "firing": not alert.resolved,
            "priority": alert.priority,
            "priority_reason": alert.priority_reason,
            "runbook_source": alert.runbook_source,
        }
        for alert in shown[:ALERTS]
    ]


def _happenings(found: Iterable[Happening], start: int, calendar: Calendar) -> list[HappeningShape]:
    return [
        {
            "at": _time(one.at),
            "at_local": local(one.at, calendar),
            "after_seconds": (one.at - start) / 1000,
            "step": one.step or None,
            "who": ", ".join(map(recipient, one.notify)) or None,
            "why": one.why,
        }
        for one in found
    ]


def _time(at: int) -> str:
    return rfc3339(at) or ""
