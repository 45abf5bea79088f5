"""``incident-manager token``: tokens that a configuration does not hold."""

import json
import secrets

import click
from pydantic import ValidationError

from receiver.cli.client import formats_option, print_json
from receiver.http.config import CredentialConfig, hash_of
from receiver.roles import Role

BYTES = 32
"""Random bytes of a token: as many as nobody can guess, also from a hash that is quick to make."""
PREFIX = "im_"
"""What a token begins with, so that whoever finds one in a file or a log knows what it is."""


@click.group("token")
def token() -> None:
    """Draw tokens for web.credentials."""


@token.command("new")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What whoever shows it may do.",
)
@click.option("--cluster", default="", help="The Alertmanager cluster that sends with it.")
@click.option("--expires", default="", metavar="DAY", help="Its last day, such as 2027-01-31.")
@formats_option
def new(name: str, role: str, cluster: str, expires: str, output: str) -> None:
    """Draw a token, print it once, and print what goes into web.credentials.

    The configuration holds its hash alone: whoever reads that cannot send anything.
    """
    drawn = PREFIX + secrets.token_urlsafe(BYTES)
    entry = {"name": name, "role": role, "token_hash": hash_of(drawn)}
    entry |= {"cluster": cluster} if cluster else {}
    entry |= {"expires": expires} if expires else {}
    try:
        CredentialConfig.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        raise click.UsageError(f"{first['loc'][0]}: {first['msg']}") from None
    if output == "json":
        print_json({"token": drawn, "credential": entry})
        return
    click.echo("The token, shown this once:", err=True)
    click.echo(drawn)
    click.echo("Into the configuration, under web.credentials:", err=True)
    click.echo(f"- {json.dumps(entry)}", err=True)
