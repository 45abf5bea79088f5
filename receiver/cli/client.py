"""What commands that talk to a running service have in common."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import requests
from click.core import ParameterSource

from receiver.http_client import follow_proxies
from receiver.text.visible import plain

TIMEOUT_S = 10.0
DEFAULT_URL = "http://127.0.0.1:8080"
AGENT = "incident-manager-cli"

formats_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["simple", "json"]),
    default="simple",
    show_default=True,
    help="simple for people, json for programs.",
)


def _keep_human(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    context.meta[_HUMAN] = value


_HUMAN = "incident_manager.human"


def by_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who acts; ``signed`` reads them."""
    human = click.option(
        "--human/--automatic",
        default=None,
        envvar="INCIDENT_MANAGER_HUMAN",
        expose_value=False,
        callback=_keep_human,
        help="Whether a person does this; else it is one if there is a terminal.",
    )
    by = click.option("--by", envvar="USER", default="somebody", help="Your name in the timeline.")
    return by(human(command))


def signed(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an action with who acts: a person, or a script that nobody watches.

    A script's user is whoever owns the machine or the crontab, and no answer of theirs: only a name
    that was given counts as one.
    """
    context = click.get_current_context()
    human = context.meta.get(_HUMAN)
    if human is None:
        human = any(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if human:
        return body
    given = context.get_parameter_source("by") is ParameterSource.COMMANDLINE
    by = body["by"] if given else f"{body['by']} (script)"
    return {**body, "by": by, "human": False}


url_option = click.option(
    "--url",
    envvar="INCIDENT_MANAGER_URL",
    default=DEFAULT_URL,
    show_default=True,
    help="The service.",
)
token_option = click.option(
    "--token", envvar="INCIDENT_MANAGER_TOKEN", default="", help="Bearer token, if it wants one."
)


def call(method: str, url: str, token: str, path: str, **more: Any) -> Any:
    """Return the JSON of an answer; ClickException with the words of one that is an error."""
    return _body(_request(method, url, token, path, **more))


def call_text(url: str, token: str, path: str, params: dict[str, str]) -> str:
    """Return the text of what is asked for; ClickException as for ``call``."""
    answer = _request("GET", url, token, path, params=params)
    if not answer.ok:
        _body(answer)
    # What is sent is UTF-8; requests would guess otherwise for text without a charset.
    return answer.content.decode("utf-8", "replace")


def _request(method: str, url: str, token: str, path: str, **more: Any) -> requests.Response:
    headers = {"User-Agent": AGENT}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with requests.Session() as session:
            follow_proxies(session)
            return session.request(
                method, url.rstrip("/") + path, headers=headers, timeout=TIMEOUT_S, **more
            )
    except requests.RequestException as error:
        raise click.ClickException(f"no answer from {url}: is it running? ({error})") from None


def _body(answer: requests.Response) -> Any:
    try:
        body = answer.json()
    except ValueError:
        body = {"error": answer.text.strip()}
    if answer.status_code >= 400 and answer.status_code != 409:  # noqa: PLR2004 - 409 is a result
        place = body.get("place")
        where = f"{plain(place)}: " if place else ""
        raise click.ClickException(f"{answer.status_code}: {where}{body.get('error', body)}")
    return body


def print_json(body: Any) -> None:
    """Print what programs read."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def ago(time: str | None) -> str:
    """Return how long ago a time of the API is, as in ``5m``."""
    if not time:
        return "-"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"
