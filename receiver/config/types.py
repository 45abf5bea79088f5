"""Types of values in the settings: addresses, prefixes, URLs of services."""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from receiver.text.numbers import whole
from routing.config.base import Url

PORT_MAX = 65_535


def split_address(address: str) -> tuple[str, int]:
    """Return (host, port) of ``host:port``, ``[::1]:port`` or ``:port`` (host "": everywhere).

    Port 0 means any free port. ValueError for anything else.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    number = whole(port, PORT_MAX, 0)
    known = _is_ip_v6(host[1:-1]) if bracketed else re.fullmatch(r"[A-Za-z0-9._-]*", host)
    if not colon or not known or number is None:
        raise ValueError("not host:port with a port of 0 to 65535 (for example 127.0.0.1:8080)")
    return (host[1:-1] if bracketed else host), number


def _is_ip_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach a listen address."""
    host, _port = split_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(value: str) -> str:
    split_address(value)
    return value


def local_url(address: str, *, tls: bool = False) -> str:
    """Return the URL of a listen address, as a browser on this machine reaches it."""
    host, port = split_address(address)
    if host in _EVERYWHERE or is_loopback(address):
        host = "localhost"
    # Any free port is known only once it is listened on.
    scheme = "https" if tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or DEFAULT_PORT}"


def _prefix(value: str) -> str:
    trimmed = value.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_.~/-]*", trimmed) or ".." in trimmed or "//" in trimmed:
        raise ValueError("not a path of letters, digits and _ . ~ - / (for example /incidents)")
    return f"/{trimmed}" if trimmed or value else ""


def _external(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    return f"{parts.scheme}://{parts.netloc}{_prefix(parts.path).rstrip('/')}"


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def lower(value: Any) -> Any:
    """Return a text in small letters, anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def rare(value: int) -> int:
    """Return a duration (ms) of a minute at least, or 0; ValueError."""
    if 0 < value < MINUTE_MS:
        raise ValueError("less than 1m (0: never)")
    return value


def _with_slash(value: str) -> str:
    return value.rstrip("/") + "/"


def _without_slash(value: str) -> str:
    return value.rstrip("/")


def _size(value: Any) -> Any:
    if not isinstance(value, str) or value.isdigit():
        return value
    found = _SIZE.fullmatch(value.strip().lower())
    if not found:
        raise ValueError("not a number of bytes, kb, mb or gb (for example 512mb or 2gb)")
    return int(found[1]) << _SHIFTS[found[2]]


DEFAULT_PORT, MINUTE_MS = 8080, 60_000
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on

_SIZE = re.compile(r"([0-9]{1,9})\s*([kmg])i?b?")
_SHIFTS = {"k": 10, "m": 20, "g": 30}

Size = Annotated[int, BeforeValidator(_size), Field(ge=0, le=1 << 50)]
"""Bytes, written as a number or with a unit, as Redis's maxmemory: 1kb is 1,024."""
Address = Annotated[str, AfterValidator(_address)]
BESIDE_CONFIG = "beside the configuration"
ConfigFile = Annotated[str, BESIDE_CONFIG]
"""The path of a file; in a configuration file it begins at the folder of that."""
Prefix = Annotated[str, AfterValidator(_prefix)]
"""A path without a slash at its end; "/" is the root, "" is not said."""
ExternalUrl = Annotated[Url | None, BeforeValidator(_none_if_empty), AfterValidator(_external)]
SlackUrl = Annotated[Url, AfterValidator(_with_slash)]
BareUrl = Annotated[Url, AfterValidator(_without_slash)]
