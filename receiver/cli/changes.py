"""Commands about changes to systems."""

from typing import Any

import click

from receiver.cli.client import ago, call, formats_option, print_json, token_option, url_option
from receiver.text.columns import aligned
from receiver.text.visible import plain


@click.group("changes")
def changes() -> None:
    """Deployments and configuration changes, shown beside incidents."""


@changes.command("add")
@click.argument("summary")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Where it was made.")
@click.option("--at", default="", metavar="TIME", help="RFC 3339; now, if not given.")
@click.option("--source", default="", help="Who or what made it.")
@click.option("--link", default="", metavar="URL", help="Shows more.")
@click.option("--id", "name", default="", help="Tells two equal changes apart.")
@formats_option
@url_option
@token_option
def add(  # noqa: PLR0913, PLR0917 - one parameter an option
    summary: str,
    labels: tuple[str, ...],
    at: str,
    source: str,
    link: str,
    name: str,
    output: str,
    url: str,
    token: str,
) -> None:
    """Say that something was changed, as the last step of a deployment."""
    pairs = [label.partition("=") for label in labels]
    wrong = [label for label, (_, equals, _) in zip(labels, pairs, strict=True) if not equals]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--label")
    given: dict[str, Any] = {"at": at, "source": source, "url": link, "id": name}
    body = {"summary": summary, "labels": {key: value for key, _, value in pairs}}
    body |= {key: value for key, value in given.items() if value}
    answer = call("POST", url, token, "/v1/changes", json=body)
    if output == "json":
        print_json(answer)
    else:
        click.echo(f"stored: {plain(answer['change']['summary'])}")


@changes.command("list")
@formats_option
@url_option
@token_option
def list_changes(output: str, url: str, token: str) -> None:
    """List the changes of the last week, newest first."""
    answer = call("GET", url, token, "/v1/changes")
    if output == "json":
        print_json(answer)
        return
    rows = []
    for change in answer["changes"]:
        where = " ".join(f"{key}={value}" for key, value in change["labels"].items())
        rows.append((f"{ago(change['at'])} ago", change["summary"], where))
    for line in aligned(rows, "><<"):
        click.echo(line)
    if not answer["changes"]:
        click.echo("no changes in the last week")
