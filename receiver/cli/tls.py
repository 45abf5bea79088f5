"""How a command trusts, and is trusted by, a service that it asks by https."""

import ssl
from collections.abc import Callable
from typing import Any

import click

_KEY = "incident_manager.tls"


def _keep(context: click.Context, parameter: click.Parameter, value: str) -> None:
    context.meta.setdefault(_KEY, {})[parameter.name] = value


def _option(flag: str, variable: str, words: str) -> Callable[..., Any]:
    return click.option(
        flag,
        envvar=variable,
        type=click.Path(exists=True, dir_okay=False),
        expose_value=False,
        callback=_keep,
        metavar="FILE",
        help=words,
    )


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who vouches for the service, and who asks."""
    key = _option("--key-file", "INCIDENT_MANAGER_KEY_FILE", "The key of --cert-file.")
    cert = _option("--cert-file", "INCIDENT_MANAGER_CERT_FILE", "A client certificate (PEM).")
    ca = _option("--ca-file", "INCIDENT_MANAGER_CA_FILE", "A CA (PEM) to trust beside the usual.")
    optioned: Callable[..., Any] = ca(cert(key(command)))
    return optioned


def tls_context() -> ssl.SSLContext | None:
    """Return what https is spoken with, None for the usual; ClickException for useless files."""
    context = click.get_current_context(silent=True)
    given: dict[str, str | None] = context.meta.get(_KEY, {}) if context is not None else {}
    ca, cert, key = (given.get(name) for name in ("ca_file", "cert_file", "key_file"))
    if key and not cert:
        raise click.ClickException("--key-file is the key of a --cert-file: give that too")
    if not ca and not cert:
        return None
    found = ssl.create_default_context()
    try:
        if ca:
            found.load_verify_locations(cafile=ca)
    except OSError as error:
        raise click.ClickException(f"{ca} holds no certificates: {_why(error)}") from None
    try:
        if cert:
            found.load_cert_chain(cert, key or None, lambda: "")
    except OSError as error:
        words = f"{cert} and its key cannot be used: {_why(error)}"
        raise click.ClickException(words) from None
    return found


def _why(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
