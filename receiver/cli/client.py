"""What commands that talk to a running service have in common."""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click
from click.core import ParameterSource

from receiver.cli.asking import ERRORS, Answer, ask, without_secrets
from receiver.cli.context import CONTEXT, choose_context, of_context
from receiver.cli.tls import tls_options
from receiver.text.visible import plain

DEFAULT_URL = "http://127.0.0.1:8080"
REFUSED, CONFLICT = 400, 409
"""Statuses of answers: from the first on they are errors, but for the second, which is a result.
"""

formats_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["simple", "json"]),
    default="simple",
    show_default=True,
    help="simple for people, json for programs.",
)


def outputs(*names: str) -> Callable[..., Any]:
    """Return the option of a command that has other forms beside the usual two."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="simple or wide for people; json, yaml, and name (ids alone) for programs.",
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


def url_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add where the service is, and how its https is trusted."""
    url = click.option(
        "--url",
        envvar="INCIDENT_MANAGER_URL",
        default=lambda: of_context("url") or DEFAULT_URL,
        show_default=f"the context's, else {DEFAULT_URL}",
        help="The service.",
    )
    named = click.option(
        "--context",
        envvar=CONTEXT,
        expose_value=False,
        is_eager=True,
        callback=choose_context,
        help="A service that was named: incident-manager context.",
    )
    return url(named(tls_options(command)))


token_option = click.option(
    "--token",
    envvar="INCIDENT_MANAGER_TOKEN",
    default=lambda: of_context("token"),
    show_default=False,
    help="Bearer token, if it wants one.",
)


def call(
    method: str, url: str, token: str, path: str, *, params: Any = None, json: Any = None
) -> Any:
    """Return the JSON of an answer; ClickException with the words of one that is an error."""
    return _body(_asked(method, url, token, path, params=params, body=json))


def call_text(url: str, token: str, path: str, params: dict[str, str]) -> str:
    """Return the text of what is asked for; ClickException as for ``call``."""
    answer = _asked("GET", url, token, path, params=params)
    if answer.status >= REFUSED:
        _body(answer)
    return answer.body.decode("utf-8", "replace")


def _asked(method: str, url: str, token: str, path: str, **more: Any) -> Answer:
    try:
        return ask(method, url.rstrip("/") + path, token, **more)
    except ERRORS as error:
        shown = without_secrets(url)
        raise click.ClickException(f"no answer from {shown}: is it running? ({error})") from None


def _body(answer: Answer) -> Any:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = {"detail": answer.body.decode("utf-8", "replace").strip()}
    if answer.status >= REFUSED and answer.status != CONFLICT:
        body = body if isinstance(body, dict) else {"detail": body}
        place = body.get("place")
        where = f"{plain(place)}: " if place else ""
        raise click.ClickException(
            f"{answer.status}: {where}{plain(str(body.get('detail', body)))}"
        )
    return body


def named_values(texts: Iterable[str], what: str) -> dict[str, str]:
    """Return ``NAME=VALUE`` as a mapping; UsageError for another form, of ``what`` is written."""
    pairs = [text.partition("=") for text in texts]
    if not all(name and sign for name, sign, _ in pairs):
        raise click.UsageError(f"{what} is written NAME=VALUE")
    return {name: value for name, _, value in pairs}


def print_json(body: Any) -> None:
    """Print what programs read."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


def print_as(body: Any, output: str) -> None:
    """Print what programs read, as ``json`` or ``yaml``."""
    if output == "json":
        print_json(body)
        return
    from receiver.text.yaml_text import yaml_text  # noqa: PLC0415 - few ask for it

    click.echo(yaml_text(body).rstrip())


def print_for_programs(body: Any, ids: Iterable[str], output: str) -> bool:
    """Print an answer, or the ``ids`` in it, for a program; False where people read it."""
    if output == "name":
        for name in ids:
            click.echo(name)
    elif output in ("json", "yaml"):
        print_as(body, output)
    else:
        return False
    return True


def ago(time: str | None) -> str:
    """Return how long ago a time of the API is, as in ``5m``."""
    if not time:
        return "-"
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


def address_of(*parts: str) -> str:
    """Return the path of something of the API; a part is no more than that, whatever is in it."""
    return "/".join(("/v1", *(quote(part, safe="") for part in parts)))
