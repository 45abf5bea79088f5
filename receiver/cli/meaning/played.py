"""What an alert or an incident comes to, printed; the same for a file and for a running service."""

from collections.abc import Iterator
from typing import Any

import click

from receiver.text.columns import aligned
from receiver.text.visible import plain
from routing.duration import format_duration

_HEAD = ("AFTER", "WHEN", "STEP", "WHO", "WHY")
_MANY = 60
"""Happenings that are shown of a policy that repeats."""


def show_played(body: dict[str, Any]) -> None:
    """Print what an alert would come to, on each route."""
    for name in body["heartbeats"]:
        click.echo(f"it is a beat of the heartbeat {plain(name)}, and opens no incident")
    for one in body["routes"]:
        for line in _played(one):
            click.echo(plain(line).rstrip())


def show_explanation(body: dict[str, Any]) -> None:
    """Print why an incident is where it is, and what is ahead."""
    for line in _explained(body):
        click.echo(plain(line).rstrip())


def named(route: dict[str, Any]) -> str:
    """Return a route as it is called, with what leads to it."""
    matchers = f" {{{', '.join(route['matchers'])}}}" if route["matchers"] else ""
    return f"route {route['route']}{matchers}" if route["route"] else f"root route{matchers}"


def _played(found: dict[str, Any]) -> Iterator[str]:
    team = f", team {found['team']}" if found["team"] else ""
    yield f"{named(found)}{team}"
    yield from _way(found)
    yield f"  priority  {found['priority']}: {found['priority_reason']}"
    source = f" ({found['runbook_source']})" if found["runbook_url"] else ""
    yield f"  runbook   {found['runbook_url'] or 'none'}{source}"
    yield f"  policy    {found['policy']}"
    yield f"  opens     {found['opens_local']} ({found['time_zone']})"
    yield from _ahead(found)


def _explained(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['priority']} {found['state']}: {found['title']}"
    gone = "" if found["route_is_there"] else ", which the configuration has no more"
    team = f", team {found['team']}" if found["team"] else ""
    yield f"  route     {found['route'] or 'root'}{gone}{team}"
    yield from _way(found)
    yield f"  priority  {found['priority']}: {found['priority_reason']}"
    for alert in found["alerts"]:
        how = "firing" if alert["firing"] else "over"
        yield f"    {how:<6} {alert['priority']} ({alert['priority_reason']}) {alert['title']}"
    yield f"  runbook   {found['runbook_url'] or 'none'}"
    yield f"  policy    {found['policy']}, at step {found['step']}"
    yield "because the configuration says"
    rows = [(row["what"], row["name"], row["says"], row["place"]) for row in found["origins"]]
    yield from (f"  {line}" for line in aligned(rows, "<<<<"))
    yield "until now"
    yield from (f"  {entry['at']}  {entry['text']}" for entry in found["told"])
    yield f"from now on, while nobody answers ({found['time_zone']})"
    yield from _ahead(found)


def _way(found: dict[str, Any]) -> Iterator[str]:
    """Yield the routes above it, which it came through."""
    if len(found["path"]) > 1:
        way = " > ".join(named(one) for one in found["path"])
        yield f"  by        {way}"


def _ahead(found: dict[str, Any]) -> Iterator[str]:
    rows = [
        (
            f"+{format_duration(int(row['after_seconds'] * 1000))}",
            row["at_local"],
            str(row["step"] or ""),
            row["who"] or "",
            row["why"],
        )
        for row in found["happenings"]
    ]
    if rows:
        for line in aligned([_HEAD, *rows[:_MANY]], ">><<<"):
            yield f"  {line}"
    left = len(rows) - len(rows[:_MANY])
    if left:
        yield f"  ... and {left} more"
    yield f"  {found['end']}"
