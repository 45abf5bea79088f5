"""``incident-manager login``: hashes of passwords, and what an administrator does about logins."""

import json
import sys

import click
from pydantic import ValidationError

from receiver.cli.client import (
    address_of,
    call,
    formats_option,
    print_json,
    token_option,
    url_option,
)
from receiver.http.config import CredentialConfig
from receiver.login.passwords import PASSWORD_MAX, hash_password
from receiver.roles import Role
from receiver.text.visible import plain

PASSWORD_LEAST = 12
"""Characters. Whoever guesses at the login is slowed down; whoever has the hash is not."""


@click.group("login")
def login() -> None:
    """How people log in to the console."""


@login.command("hash")
@click.argument("username")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role if role is not Role.SENDER]),
    required=True,
    help="What whoever logs in may do.",
)
@click.option("--expires", default="", metavar="DAY", help="Its last day, such as 2027-01-31.")
@formats_option
def make_hash(username: str, role: str, expires: str, output: str) -> None:
    """Ask for a password, and print what goes into web.credentials.

    Without a terminal the password is the first line of standard input.
    """
    stdin = sys.stdin
    if stdin.isatty():
        password: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt=True, err=True
        )
    else:
        password = stdin.readline().rstrip("\r\n")
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MAX:
        words = f"{len(password)} characters; allowed: {PASSWORD_LEAST} to {PASSWORD_MAX:,}"
        raise click.ClickException(f"the password has {words}")
    entry: dict[str, str] = {"name": username, "username": username, "role": role}
    entry["password_hash"] = hash_password(password)
    entry |= {"expires": expires} if expires else {}
    try:
        CredentialConfig.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"][0] if first["loc"] else "the entry"
        raise click.UsageError(f"{place}: {first['msg']}") from None
    if output == "json":
        print_json({"credential": entry})
        return
    click.echo("Into the configuration, under web.credentials:", err=True)
    click.echo(f"- {json.dumps(entry)}")


@login.command("unlock")
@click.argument("username")
@formats_option
@url_option
@token_option
def unlock(username: str, output: str, url: str, token: str) -> None:
    """Let somebody log in at once who is locked after failed logins."""
    answer = call("DELETE", url, token, address_of("logins", username, "lock"))
    if output == "json":
        print_json(answer)
    else:
        found = "forgotten" if answer["had_failures"] else "there were none"
        click.echo(f"failed logins of {plain(username)}: {found}")


@login.command("end")
@click.argument("name")
@formats_option
@url_option
@token_option
def end(name: str, output: str, url: str, token: str) -> None:
    """End all sessions of somebody; NAME as incidents show it."""
    answer = call("DELETE", url, token, address_of("logins", name, "sessions"))
    if output == "json":
        print_json(answer)
    else:
        click.echo(f"sessions of {plain(name)} ended: {answer['ended']}")
