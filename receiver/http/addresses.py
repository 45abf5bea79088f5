"""Whose address a request comes from, where proxies stand in front."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from receiver.http.login_config import Network

FORWARDED_FOR = "X-Forwarded-For"


def peer_of(request: web.Request) -> str:
    """Return the address at the other end of the connection, "" for one that has none."""
    peer = request.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def behind_proxies(request: web.Request, trusted: Sequence[Network]) -> web.Request:
    """Return a request whose ``remote`` is whoever asks, and not a proxy on the way.

    A proxy that is trusted says whom it asks for. Everybody can begin the header with what they
    like, so it is read from its end, as far as those that wrote it are trusted themselves.
    """
    peer = peer_of(request)
    if not trusted or FORWARDED_FOR not in request.headers or not is_within(peer, trusted):
        return request
    written = ",".join(request.headers.getall(FORWARDED_FOR, []))
    for entry in reversed(written.split(",")):
        address = _address(entry.strip())
        if address is None:
            break
        peer = str(address)
        if not is_within(peer, trusted):
            break
    return request.clone(remote=peer)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address is in one of some networks."""
    found = _address(address)
    return found is not None and any(found in network for network in networks)


def counted_as(address: str) -> str:
    """Return what an address counts as: of IPv6 a whole network, in which it is drawn at will."""
    found = _address(address)
    if found is None or found.version == 4:  # noqa: PLR2004 - the version's own name
        return address if found is None else str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, also with its port or zone; IPv4 that is written as IPv6 is IPv4."""
    host = text.partition("%")[0]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
