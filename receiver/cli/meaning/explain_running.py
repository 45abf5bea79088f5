"""``explain``, and of it ``alert`` and ``incident``: what a running service makes of them."""

from typing import Any

import click

from receiver.cli.client import (
    address_of,
    call,
    named_values,
    outputs,
    print_as,
    token_option,
    url_option,
)
from receiver.cli.meaning.played import show_explanation, show_played
from routing.matcher import Matcher, labels_of


@click.group()
def explain() -> None:
    """Explain how the service comes to a decision."""


@explain.command("alert")
@click.argument("labels", nargs=-1, required=True, metavar="LABEL=VALUE...")
@click.option("--annotation", "-a", multiple=True, metavar="NAME=TEXT", help="Repeatable.")
@click.option("--at", metavar="TIME", help="When it opens: RFC 3339 or local [default: now].")
@click.option("--acknowledged-after", metavar="DURATION", help="Somebody takes it then, as in 10m.")
@outputs("simple", "json", "yaml")
@url_option
@token_option
def explain_alert(  # noqa: PLR0913, PLR0917 - one parameter an option
    labels: tuple[str, ...],
    annotation: tuple[str, ...],
    at: str | None,
    acknowledged_after: str | None,
    output: str,
    url: str,
    token: str,
) -> None:
    """Show what an alert would come to by the configuration of the running service, and why.

    Route, priority, runbook and policy, who is told at what minute; nobody is told now. `routes
    test` does the same with a file.
    """
    asked: dict[str, Any] = {
        "label": _matchers(given_labels(labels)),
        "annotation": _matchers(named_values(annotation, "an annotation")),
        "at": at,
        "acknowledged_after": acknowledged_after,
    }
    given = {name: value for name, value in asked.items() if value}
    body = call("GET", url, token, "/v1/routes/test", params=given)
    if output == "simple":
        show_played(body)
    else:
        print_as(body, output)


@explain.command("incident")
@click.argument("incident", metavar="ID")
@outputs("simple", "json", "yaml")
@url_option
@token_option
def explain_incident(incident: str, output: str, url: str, token: str) -> None:
    """Show why an incident is where it is: route, rule, policy, whom it told, and what is ahead."""
    body = call("GET", url, token, address_of("incidents", incident, "explanation"))
    if output == "simple":
        show_explanation(body)
    else:
        print_as(body, output)


def given_labels(texts: tuple[str, ...]) -> dict[str, str]:
    """Return labels of ``NAME=VALUE``, or as Alertmanager writes them."""
    found: dict[str, str] = {}
    for text in texts:
        if not text.lstrip().startswith("{"):
            found |= named_values((text,), "a label")
            continue
        try:
            found |= labels_of((text,))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    return found


def _matchers(pairs: dict[str, str]) -> list[str]:
    return [str(Matcher(name, "=", value)) for name, value in pairs.items()]
