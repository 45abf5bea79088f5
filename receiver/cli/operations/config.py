"""``config``: the configuration that a running service works by."""

import click

from receiver.cli.client import call, outputs, print_as, print_json, token_option, url_option
from receiver.text.visible import plain


@click.group("config")
def config() -> None:
    """Look at the configuration in force."""


@config.command("show")
@outputs("yaml", "json", "name")
@url_option
@token_option
def show_config(output: str, url: str, token: str) -> None:
    """Show the configuration in force, with its hash and reloads; secrets are ***.

    As a file would have it (yaml); json has the reloads beside it, and name is the hash alone.
    """
    body = call("GET", url, token, "/v1/config")
    if output == "name":
        click.echo(body["hash"])
        return
    if output == "json":
        print_json(body)
        return
    click.echo(f"# {body['hash']}, in a process that started {body['since']}")
    for one in body["reloads"]:
        outcome = "taken" if one["taken"] else "refused: the one before goes on"
        click.echo(plain(f"# reloaded {one['at']} by {one['by']}: {outcome}"))
        for words in (*one["problems"], *one["warnings"]):
            click.echo(plain(f"#   {words}"))
        if one["needs_restart"]:
            click.echo(f"#   needs a restart: {', '.join(one['needs_restart'])}")
    print_as(body["configuration"], "yaml")
