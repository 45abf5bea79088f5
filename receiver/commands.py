"""Commands that talk to a running service over its API."""

import json
from datetime import UTC, datetime
from typing import Any

import click
import requests

TIMEOUT_S = 10.0
DEFAULT_URL = "http://127.0.0.1:8080"
AGENT = "incident-manager-cli"

_formats = click.option(
    "-o",
    "--output",
    type=click.Choice(["simple", "json"]),
    default="simple",
    show_default=True,
    help="simple for people, json for programs.",
)
_url = click.option(
    "--url",
    envvar="INCIDENT_MANAGER_URL",
    default=DEFAULT_URL,
    show_default=True,
    help="The service.",
)
_token = click.option(
    "--token", envvar="INCIDENT_MANAGER_TOKEN", default="", help="Bearer token, if it wants one."
)


def _call(method: str, url: str, token: str, path: str, **more: Any) -> Any:
    headers = {"User-Agent": AGENT}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = requests.request(
            method, url.rstrip("/") + path, headers=headers, timeout=TIMEOUT_S, **more
        )
    except requests.RequestException as error:
        raise click.ClickException(f"no answer from {url}: is it running? ({error})") from None
    try:
        body = answer.json()
    except ValueError:
        body = {"error": answer.text.strip()}
    if answer.status_code >= 400 and answer.status_code != 409:  # noqa: PLR2004 - 409 is a result
        raise click.ClickException(f"{answer.status_code}: {body.get('error', body)}")
    return body


def _print_json(body: Any) -> None:
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def _plain(text: object) -> str:
    """Return text that cannot move the cursor or hide what follows it."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def _ago(time: str | None) -> str:
    if not time:
        return "-"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


@click.group()
def incidents() -> None:
    """Look at incidents, acknowledge and resolve them."""


@incidents.command("list")
@click.option("--state", type=click.Choice(["open", "closed", "all"]), default="open")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_formats
@_url
@_token
def list_incidents(state: str, limit: int, output: str, url: str, token: str) -> None:
    """List incidents, newest first."""
    body = _call("GET", url, token, "/v1/incidents", params={"state": state, "limit": str(limit)})
    if output == "json":
        _print_json(body)
        return
    rows = body["incidents"]
    if not rows:
        click.echo(f"no incidents ({state})")
        return
    click.echo(f"{'ID':<22} {'PRI':<4} {'STATE':<13} {'AGE':>5}  {'ALERTS':>6}  TITLE")
    for row in rows:
        click.echo(
            f"{row['id']:<22} {row['priority']:<4} {row['state']:<13} "
            f"{_ago(row['opened_at']):>5}  {row['firing']:>6}  {_plain(row['title'])[:100]}"
        )
    if body["next"]:
        click.echo(f"... more: use --limit or the API's cursor={body['next']}")


@incidents.command("show")
@click.argument("incident")
@_formats
@_url
@_token
def show_incident(incident: str, output: str, url: str, token: str) -> None:
    """Show one incident: state, clocks, alerts, timeline, deliveries."""
    body = _call("GET", url, token, f"/v1/incidents/{incident}")
    if output == "json":
        _print_json(body)
        return
    click.echo(f"{body['priority']} {body['state']}: {_plain(body['title'])}")
    click.echo(f"  why        {_plain(body['priority_reason'])}")
    click.echo(f"  opened     {body['opened_at']} ({_ago(body['opened_at'])} ago)")
    for name, deadline in body["deadlines"].items():
        ended = deadline["met_at"] or deadline["missed_at"]
        word = "met" if deadline["met_at"] else "MISSED" if deadline["missed_at"] else "running"
        click.echo(f"  {name:<10} by {deadline['due']}: {word} {ended or ''}".rstrip())
    for what in ("acknowledged", "resolved"):
        if body[f"{what}_by"]:
            by = body[f"{what}_by"]
            click.echo(f"  {what} {body[f'{what}_at']} by {_plain(by['name'])} ({by['via']})")
    click.echo(f"  runbook    {body['runbook_url'] or 'none'}")
    click.echo("alerts")
    for item in body["alerts"]:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(item["labels"].items()))
        click.echo(f"  {item['status']:<9} {item['priority']} {_plain(labels)[:160]}")
    click.echo("timeline")
    for entry in body["timeline"]:
        click.echo(f"  {entry['at']}  {_plain(entry['text'])}")
    click.echo("deliveries")
    for item in body["deliveries"]:
        error = f"  last error: {_plain(item['last_error'])}" if item["last_error"] else ""
        click.echo(f"  {item['notifier']:<16} {item['state']}{error}")


def _act(incident: str, action: str, by: str, options: tuple[str, str, str]) -> None:
    output, url, token = options
    body = _call("POST", url, token, f"/v1/incidents/{incident}/{action}", json={"by": by})
    if output == "json":
        _print_json(body)
        return
    shown = body["incident"]
    result = body["result"].replace("_", " ")
    click.echo(f"{result}: {shown['priority']} {_plain(shown['title'])}" if shown else result)


_by = click.option("--by", envvar="USER", default="somebody", help="Your name in the timeline.")


@incidents.command("ack")
@click.argument("incident")
@_by
@_formats
@_url
@_token
def acknowledge(incident: str, by: str, output: str, url: str, token: str) -> None:
    """Take an incident: its acknowledge clock stops."""
    _act(incident, "acknowledge", by, (output, url, token))


@incidents.command("resolve")
@click.argument("incident")
@_by
@_formats
@_url
@_token
def resolve(incident: str, by: str, output: str, url: str, token: str) -> None:
    """Declare an incident over; alerts that still fire are quiet until they change."""
    _act(incident, "resolve", by, (output, url, token))


@click.group()
def alert() -> None:
    """Send alerts, to try things out."""


@alert.command("send")
@click.argument("name")
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--annotation", "-a", multiple=True, metavar="NAME=TEXT")
@click.option("--resolved", is_flag=True, help="Send it as resolved.")
@_formats
@_url
@_token
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
    body = _call("POST", url, token, "/v1/alerts/webhook", json=payload)
    if output == "json":
        _print_json(body)
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


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at what was sent and was no alert."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@_formats
@_url
@_token
def list_dead_letters(limit: int, output: str, url: str, token: str) -> None:
    """List dead letters, newest first."""
    body = _call("GET", url, token, "/v1/dead-letters", params={"limit": str(limit)})
    if output == "json":
        _print_json(body)
        return
    if not body["dead_letters"]:
        click.echo("no dead letters")
    for letter in body["dead_letters"]:
        click.echo(f"{letter['at']}  {letter['place'] or '$'}: {_plain(letter['reason'])}")
        click.echo(f"    {_plain(letter['raw'])[:160]}")
