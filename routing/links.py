"""Where a link of a sender leads: its host is shown, and may have to be one of a list."""

import re
from collections.abc import Iterable

from routing.runbook import is_link

HOST_MAX = 40
_HOST = re.compile(r"https?://(\[[^\]]*\]|[^/?#:]*)(:[0-9]+)?", re.IGNORECASE)
_PATTERN = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


def host_of(url: str) -> str:
    """Return the host of a link in small letters, "" for what is no link."""
    found = _HOST.match(url) if is_link(url) else None
    return found[1].lower().rstrip(".") if found else ""


def named(word: str, url: str, own: str = "") -> str:
    """Return the word of a link with its host, which is left out where it is that of ``own``.

    Of a long host the end is shown: it says whose it is.
    """
    host = host_of(url)
    if not host or host == host_of(own):
        return word
    shown = host if len(host) <= HOST_MAX else f"…{host[1 - HOST_MAX :]}"
    return f"{word} ({shown})"


def check_pattern(text: str) -> str:
    """Return a host, or ``*.`` and a host for all below it, in small letters; ValueError."""
    found = text.lower().rstrip(".")
    if _PATTERN.fullmatch(found) is None:
        raise ValueError("a host such as wiki.example.com, or *.example.com for all below it")
    return found


class Hosts:
    """The hosts that links of senders may lead to; none are named: any."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        known = tuple(patterns)
        self._exact = frozenset(one for one in known if not one.startswith("*."))
        self._below = tuple(one[1:] for one in known if one.startswith("*."))

    def allow(self, url: str) -> bool:
        """Return whether a link may be shown; what is no link leads nowhere."""
        if not (self._exact or self._below):
            return True
        host = host_of(url)
        return not host or host in self._exact or host.endswith(self._below)

    def without_link(self, url: str) -> str:
        """Return a URL as it may be kept: what leads elsewhere keeps its query alone.

        That is what Prometheus is asked for, and no face takes it for a link.
        """
        if self.allow(url):
            return url
        _, mark, query = url.partition("?")
        return mark + query.partition("#")[0]


ANY_HOST = Hosts()
