"""Services by name, in a file of the user's: ``--context prod`` in place of an address and a token.

The file is JSON, so that reading it costs nothing; only its owner may read it, since it may hold
tokens.
"""

import json
import os
from pathlib import Path
from typing import Any

import click

CONTEXT = "INCIDENT_MANAGER_CONTEXT"
_CHOSEN = "incident_manager.context"


def contexts_file() -> Path:
    """Return where the contexts of this user are (XDG)."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "incident-manager" / "contexts.json"


def read_contexts() -> dict[str, Any]:
    """Return what is named; ClickException for a file that is none of ours."""
    file = contexts_file()
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {"current": "", "contexts": {}}
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from None
    named = found.get("contexts") if isinstance(found, dict) else None
    if not isinstance(named, dict) or not all(isinstance(one, dict) for one in named.values()):
        raise click.ClickException(f"{file} has no contexts; write it with: context set")
    return {"current": str(found.get("current", "")), "contexts": named}


def choose_context(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Keep which one was asked for."""
    context.meta[_CHOSEN] = value


def of_context(field: str) -> str:
    """Return ``url`` or ``token`` of the context that holds, "" without; ClickException."""
    meta = click.get_current_context().meta
    known = read_contexts()
    name = meta.get(_CHOSEN) or known["current"]
    if not name:
        return ""
    return str(_named(known, name).get(field, ""))


def _named(known: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what a name stands for; ClickException says which names there are."""
    contexts: dict[str, dict[str, Any]] = known["contexts"]
    if name not in contexts:
        named = ", ".join(contexts) or "none"
        raise click.ClickException(f"no context is named {name!r} (named: {named})")
    return contexts[name]


def _write(found: dict[str, Any]) -> None:
    file = contexts_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump(found, written, indent=2)
    beside.replace(file)


@click.group()
def context() -> None:
    """Name services, and choose one: --context NAME, or context use NAME."""


@context.command("list")
def list_contexts() -> None:
    """List the services that have a name; the one in use has a star."""
    found = read_contexts()
    for name, one in sorted(found["contexts"].items()):
        mark = "*" if name == found["current"] else " "
        click.echo(f"{mark} {name}  {one.get('url', '')}{'  (token)' if one.get('token') else ''}")
    if not found["contexts"]:
        click.echo("no contexts: incident-manager context set NAME --url URL")


@context.command("set")
@click.argument("name")
@click.option("--url", required=True, help="The service.")
@click.option("--token", default="", help="Bearer token, kept in the file.")
def set_context(name: str, url: str, token: str) -> None:
    """Name a service, or say anew what a name stands for; the first one is used."""
    found = read_contexts()
    found["contexts"][name] = {"url": url, "token": token} if token else {"url": url}
    found["current"] = found["current"] or name
    _write(found)
    click.echo(f"{name} is {url} ({contexts_file()})")


@context.command("use")
@click.argument("name")
def use_context(name: str) -> None:
    """Ask this service from now on, where nothing else is said."""
    found = read_contexts()
    chosen = _named(found, name)
    found["current"] = name
    _write(found)
    click.echo(f"using {name}: {chosen.get('url', '')}")


@context.command("delete")
@click.argument("name")
def delete_context(name: str) -> None:
    """Forget a name, and its token."""
    found = read_contexts()
    if found["contexts"].pop(name, None) is None:
        raise click.ClickException(f"no context is named {name!r}")
    found["current"] = "" if found["current"] == name else found["current"]
    _write(found)
    click.echo(f"{name} is forgotten")
