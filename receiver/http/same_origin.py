"""Which requests of browsers are refused: they bring credentials, and reach loopback, for any site.

A form or script of another site can send a request here with the name and password that a browser
remembers. And where no credentials are asked for, a site whose name is made to lead to 127.0.0.1
(DNS rebinding) would be the same site as this service. Programs send none of what tells browsers:
nothing is asked of them.
"""

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

SAFE = ("GET", "HEAD", "OPTIONS")
PUBLIC = (
    *("/status", "/status.json", "/status.atom", "/status/{name}", "/status/incidents/{id}"),
    "/status/incidents/{id}.json",
)
"""Routes for everybody, by whatever name they call this machine."""


class Browsers:
    """Lets browsers do here what pages of this service ask them to, and nothing else."""

    def __init__(
        self, external_url: str, guarded: Callable[[], bool], allowed: Sequence[str] = ()
    ) -> None:
        """``external_url``: how people reach this service; ``guarded()``: by credentials.

        ``allowed``: names by which this answers too; where there are some, by no other name.
        """
        self._own = urlsplit(external_url).netloc.lower()
        self._allowed = frozenset(allowed)
        self._guarded = guarded

    def check(self, request: web.Request) -> None:
        """HTTP 403, in words, for what another site's page asks."""
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site")
        host = request.headers.get("Host", "").lower()
        writes = request.method not in SAFE
        if writes and self._is_of_another(site, origin, host):
            raise web.HTTPForbidden(text="this was asked by another site; open the page here\n")
        # Every browser says where a request that writes comes from; what does not is a program.
        program = writes and site is None and origin is None
        if self._allowed and not program and not self._is_called(request, host):
            raise web.HTTPForbidden(text="this does not answer by that name: web.allowed_hosts\n")
        if not self._guarded() and not program and not self._is_called(request, host):
            raise web.HTTPForbidden(
                text="without web.credentials this answers only under names of this machine and"
                " of web.external_url; set web.external_url to the address that is used\n"
            )

    def _is_of_another(self, site: str | None, origin: str | None, host: str) -> bool:
        if site is not None:
            return site not in ("same-origin", "none")
        # What names no site (null, of a sandbox) is not ours, although we may have no name either.
        return origin is not None and (_netloc(origin) or "?") not in (host, self._own)

    def _is_called(self, request: web.Request, host: str) -> bool:
        """Return whether a host is ours for certain: nobody else can have such a name, or is us."""
        name = _name(host)
        local = "." not in name or name.endswith(".localhost") or _is_address(name)
        if local or name == _name(self._own) or name in self._allowed:
            return True
        return not self._allowed and _route(request).endswith(PUBLIC)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(netloc: str) -> str:
    """Return the host of ``host:port``, without the dot that may end it."""
    host, _, port = netloc.rpartition(":")
    return (host if port.isdigit() and host else netloc).strip("[]").rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
