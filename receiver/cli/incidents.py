"""Commands that talk to a running service over its API."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from receiver.cli.client import (
    address_of,
    ago,
    call,
    formats_option,
    outputs,
    print_for_programs,
    print_json,
    token_option,
    url_option,
)
from receiver.text.columns import aligned, cut
from receiver.text.visible import plain


@click.group()
def incidents() -> None:
    """Look at incidents, acknowledge and resolve them."""


@incidents.command("show")
@click.argument("incident")
@click.option(
    "--timeline-before",
    type=click.IntRange(2),
    metavar="NUMBER",
    help="The entries before this one, instead of the latest.",
)
@outputs("simple", "json", "yaml", "name")
@url_option
@token_option
def show_incident(
    incident: str, timeline_before: int | None, output: str, url: str, token: str
) -> None:
    """Show one incident: state, clocks, alerts, timeline, deliveries."""
    asked = {"timeline_before": str(timeline_before)} if timeline_before else {}
    body = call("GET", url, token, address_of("incidents", incident), params=asked)
    if print_for_programs(body, [body["id"]], output):
        return
    click.echo(f"{body['priority']} {body['state']}: {plain(body['title'])}")
    click.echo(f"  why        {plain(body['priority_reason'])}")
    click.echo(f"  opened     {body['opened_at']} ({ago(body['opened_at'])} ago)")
    for name, deadline in body["deadlines"].items():
        ended = deadline["met_at"] or deadline["missed_at"]
        click.echo(f"  {name:<11} by {deadline['due']}: {_how(deadline)} {ended or ''}".rstrip())
    if body.get("unreached"):
        click.echo(f"  ! {unreached(body['unreached'])}")
    for mark in _marks(body):
        click.echo(f"  {mark}")
    for what in ("acknowledged", "resolved"):
        if body[f"{what}_by"]:
            by = body[f"{what}_by"]
            click.echo(f"  {what} {body[f'{what}_at']} by {plain(by['name'])} ({by['via']})")
    click.echo(f"  runbook    {body['runbook_url'] or 'none'}")
    if body["sent_by"]:
        click.echo(f"  sent by    {plain(body['sent_by'])}, {plain(body['correlation_id'])}")
    if body["published"]:
        _show_published(body["published"])
    _show_findings(body["context"])
    _show_alerts(body["alerts"], body["alerts_summarized"])
    _show_timeline(body["timeline"], body["timeline_total"])
    click.echo("deliveries")
    _show_rows(
        (
            item["notifier"],
            item["state"],
            item["last_error"] and f"last error: {item['last_error']}",
        )
        for item in body["deliveries"]
    )


def _show_rows(rows: Iterable[Sequence[str | None]]) -> None:
    found = [[cell or "" for cell in row] for row in rows]
    for line in aligned(found, "<" * len(found[0]) if found else ""):
        click.echo(f"  {line}")


def unreached(found: dict[str, Any]) -> str:
    """Return what is said of an incident that nobody could be told of."""
    return f"NOBODY COULD BE REACHED since {found['since']}: {plain(found['why'])}"


def _show_timeline(entries: list[dict[str, Any]], total: int) -> None:
    click.echo("timeline")
    if entries and entries[0]["number"] > 1:
        first = entries[0]["number"]
        click.echo(f"  ... {first - 1} earlier entries: --timeline-before {first}")
    for entry in entries:
        click.echo(f"  {entry['at']}  {plain(entry['text'])}")
    later = total - (entries[-1]["number"] if entries else 0)
    if later:
        click.echo(f"  ... {later} later entries")


def _show_findings(context: list[dict[str, Any]]) -> None:
    if context:
        click.echo("context")
    _show_rows((found["enricher"], found["text"], found["url"]) for found in context)


ALERTS_SHOWN, LABELS_MAX = 50, 160


def _show_alerts(alerts: list[dict[str, Any]], summarized: int) -> None:
    click.echo("alerts")
    rows = []
    for item in alerts[:ALERTS_SHOWN]:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(item["labels"].items()))
        rows.append((item["status"], item["priority"], cut(labels, LABELS_MAX)))
    _show_rows(rows)
    more = len(alerts) - ALERTS_SHOWN
    if more > 0:
        click.echo(f"  ... {more} more: --output json")
    if summarized:
        click.echo(f"  ... {summarized} more, of which only state and times are kept")


def _show_published(page: dict[str, Any]) -> None:
    taken = ", withdrawn" if page["hidden"] else ""
    where = ", ".join(f"{name}: {how}" for name, how in page["components"].items())
    click.echo(f"status page: {page['status']}{taken}: {plain(page['title'])} ({plain(where)})")
    for update in page["updates"]:
        taken = " (withdrawn)" if update["hidden"] else ""
        click.echo(
            f"  {update['number']}. {update['at']}  {update['status']}{taken}: "
            f"{plain(update['text'])}"
        )


def _how(deadline: dict[str, Any]) -> str:
    if deadline["met_at"]:
        return "met"
    if deadline["missed_at"]:
        return "MISSED"
    return "paused" if deadline["paused_at"] else "running"


def _marks(body: dict[str, Any]) -> list[str]:
    """Return what is unusual about an incident, a line each."""
    assigned = body["assigned_to"]
    found = [
        (assigned, f"assigned to {plain(assigned['name'])}" if assigned else ""),
        (body["snoozed_until"], f"snoozed until {body['snoozed_until']}"),
        (body["flapping"], "flapping: it stays open, and at its priority, until it is quiet"),
        (body["asked_priority"], f"its alerts ask for {body['asked_priority']}"),
        (body["stale_since"], f"not reported any more (noticed {body['stale_since']})"),
        (body["merged_into"], f"merged into {body['merged_into']}"),
        (body["merged"], f"merged into this: {', '.join(body['merged'])}"),
    ]
    return [text for holds, text in found if holds]


@click.group()
def alert() -> None:
    """Send alerts, to try things out."""


@alert.command("send")
@click.argument("name")
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--annotation", "-a", multiple=True, metavar="NAME=TEXT")
@click.option("--resolved", is_flag=True, help="Send it as resolved.")
@formats_option
@url_option
@token_option
def send(  # noqa: PLR0913, PLR0917 - one parameter an option
    name: str,
    labels: tuple[str, ...],
    annotation: tuple[str, ...],
    resolved: bool,  # noqa: FBT001 - a flag is a boolean
    output: str,
    url: str,
    token: str,
) -> None:
    """Send one alert as Alertmanager would."""
    found = {"alertname": name, **_pairs(labels)}
    notes = {"summary": f"{name} sent by hand", **_pairs(annotation)}
    now = datetime.now(UTC)
    # Same labels, same group: sending again repeats the alert, --resolved ends it.
    item = {
        "status": "resolved" if resolved else "firing",
        "labels": found,
        "annotations": notes,
        "startsAt": now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(),
        "endsAt": now.isoformat() if resolved else "0001-01-01T00:00:00Z",
    }
    group = "".join(f'{key}="{value}",' for key, value in sorted(found.items()))
    payload = {
        "version": "4",
        "groupKey": f"manual:{{{group}}}",
        "status": item["status"],
        "receiver": "incident-manager",
        "groupLabels": found,
        "commonLabels": found,
        "commonAnnotations": notes,
        "externalURL": "",
        "alerts": [item],
    }
    body = call("POST", url, token, "/v1/alerts/webhook", json=payload)
    if output == "json":
        print_json(body)
        return
    for incident in body.get("incidents", []):
        click.echo(f"accepted: incident {incident}")
    if not body.get("incidents"):
        click.echo(f"{body['status']}: no incident came of it")


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{text!r} is not NAME=VALUE")
        found[name] = value
    return found
