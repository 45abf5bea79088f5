"""URLs that name several servers: ``SCHEME://[user:password@]HOST[:PORT],HOST,.../PATH?OPTIONS``.

User, password and options are the data servers', as in ``redis://``.
"""

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from redis.asyncio.connection import parse_url

Place = tuple[str, int]
"""Host and port of a server."""
_USER = "%:!$&'()*+,;=-._~"


class Servers(NamedTuple):
    """What such a URL says. ``options``: name and value, in their order."""

    places: list[Place]
    path: str
    tls: bool
    user: str
    options: list[tuple[str, str]]

    def connection(self, database: str = "", but: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the options of a connection, as redis-py reads them; ``but``: those of others."""
        theirs = urlencode([pair for pair in self.options if pair[0] not in but])
        # As a URL has it: what is beyond ASCII is refused in words that repeat it.
        netloc = f"{quote(self.user, safe=_USER)}@server" if self.user else "server"
        plain = ("rediss" if self.tls else "redis", netloc, database, theirs, "")
        found: dict[str, Any] = dict(parse_url(urlunsplit(plain)))
        for name in ("host", "port", "connection_class"):
            found.pop(name, None)
        return found


def read_servers(url: str, port: int, what: str) -> Servers:
    """Return what a URL says; ValueError, in words without a password, for one that cannot be.

    ``port``: of those that name none; ``what`` they are, for the words.
    """
    scheme, _, rest = url.partition("://")
    # Not by urlsplit: to newer releases of Python an IPv6 address among others is none.
    place, _, query = rest.partition("?")
    netloc, _, path = place.partition("/")
    unreadable = (
        f"the addresses of {what} cannot be read (HOST or HOST:PORT, with commas between them);"
        " in a user's name and password write / # ? @ : as %2F %23 %3F %40 %3A"
    )
    # Without what was read: it may be a part of a password.
    if "#" in rest or "@" in path or "[" in path:
        raise ValueError(unreadable)
    user, _, hosts = netloc.rpartition("@")
    places = []
    for text in hosts.split(","):
        found = _place(text, port)
        if found is None:
            raise ValueError(unreadable)
        places.append(found)
    options = parse_qsl(query, keep_blank_values=True)
    return Servers(places, path, scheme.startswith("rediss"), user, options)


def _place(text: str, port: int) -> Place | None:
    try:
        parts = urlsplit(f"//{text}")
        host, given = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, given or port) if host and not parts.path else None
