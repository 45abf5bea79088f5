"""The command ``incident-manager oncall``: who is on call, as the running service knows it."""

from typing import Any

import click

from receiver.cli.client import call, formats_option, print_json, token_option, url_option
from receiver.text.visible import plain


@click.command("oncall")
@formats_option
@url_option
@token_option
def oncall(output: str, url: str, token: str) -> None:
    """Tell who is on call, as PagerDuty's schedules say."""
    body = call("GET", url, token, "/v1/on-call")
    if output == "json":
        print_json(body)
        return
    if not body["on_call"]:
        click.echo("no escalation policy is configured: set pagerduty.escalation_policy")
    for policy in body["on_call"]:
        for line in _lines(policy):
            click.echo(plain(line))


def _lines(policy: dict[str, Any]) -> list[str]:
    names = ", ".join(policy["notifiers"])
    head = f"{policy['name'] or policy['escalation_policy']}  ({names})"
    if not policy["known"]:
        return [f"{head}: not known, {policy['error'] or 'not asked yet'}"]
    if not policy["people"]:
        return [f"{head}: NOBODY is on call"]
    people = [
        f"  level {person['level']}  {person['name']}  {person['email']}".rstrip()
        for person in policy["people"]
    ]
    return [head, *people]
