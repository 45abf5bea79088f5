"""Sockets that whoever starts this process listens on already, and hands over.

By them a restart refuses nobody: connections wait in a socket that stays open.
https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
"""

import os
import socket
from collections.abc import Mapping, MutableMapping, Sequence

from receiver.config.types import split_address
from receiver.errors import ConfigError
from receiver.http.ports import PORTS, bind

FIRST = 3
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not listened on
_NAMES = f"write FileDescriptorName={PORTS[0]} ({', '.join(PORTS[1:])}) into the socket unit"
_SETTINGS = {
    "api": "web.listen_address",
    "metrics": "web.metrics_address",
    "status": "status_page.listen_address",
}
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def take_over(environ: MutableMapping[str, str]) -> dict[str, list[socket.socket]]:
    """Return the sockets for each port of ours, {} for none; ConfigError.

    What says so is taken out of the environment, so that no program we start believes it.
    """
    pid, number, names = (environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
    if pid != str(os.getpid()) or not number.isdecimal():
        return {}
    given = range(FIRST, FIRST + int(number))
    called = names.split(":") if names else [""] * len(given)
    if len(called) != len(given):
        raise ConfigError(f"LISTEN_FDS={number} and LISTEN_FDNAMES={names} do not fit")
    if len(given) == 1 and called[0] not in PORTS:
        # The name of the unit, where nobody gave it one.
        called = [PORTS[0]]
    for name in called:
        if name not in PORTS:
            raise ConfigError(f"a socket is handed over by the name of {name!r}: {_NAMES}")
    found: dict[str, list[socket.socket]] = {}
    for descriptor, name in zip(given, called, strict=True):
        found.setdefault(name, []).append(_socket(descriptor, name))
    return found


def _socket(descriptor: int, name: str) -> socket.socket:
    try:
        one = socket.socket(fileno=descriptor)
    except OSError as error:
        words = f"descriptor {descriptor}, handed over for the {name} port, is no socket: {error}"
        raise ConfigError(words) from None
    listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if one.family not in _FAMILIES or one.type != socket.SOCK_STREAM or not listens:
        one.close()
        raise ConfigError(
            f"what is handed over for the {name} port does not listen on TCP: write"
            " ListenStream=ADDRESS:PORT and Accept=no into the socket unit"
        )
    one.setblocking(False)
    os.set_inheritable(descriptor, False)
    return one


def opened(
    name: str, address: str, handed: Mapping[str, list[socket.socket]]
) -> list[socket.socket]:
    """Return what listens for a port: what was handed over, else what is bound now; ConfigError."""
    if name not in handed:
        return bind(address)
    _check_alike(name, handed[name], address)
    return handed[name]


def _check_alike(name: str, sockets: Sequence[socket.socket], address: str) -> None:
    """Refuse sockets that listen elsewhere than configured: who may ask depends on that."""
    host, port = split_address(address)
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    hosts = {str(one[4][0]) for one in found}
    for one in sockets:
        own, number = one.getsockname()[:2]
        # By one of IPv6 those of IPv4 come in, too, unless it says otherwise.
        both = one.family == socket.AF_INET6 and not one.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        wanted = {own, EVERYWHERE} if both and own == "::" else {own}
        if not wanted <= hosts or port not in (0, number):
            raise ConfigError(
                f"the socket that is handed over for the {name} port listens on"
                f" {_shown(own, number)}, and {_SETTINGS[name]} says {address}:"
                " write the same into both"
            )


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
