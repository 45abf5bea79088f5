"""The cookies of a login: named, kept to this service, and out of reach of scripts.

Where people come by https the name begins with ``__Host-``: a browser takes such a cookie from this
host alone, over https alone, so that nobody beside us can set one.
"""

from urllib.parse import urlsplit

from aiohttp import web

from receiver.proxies import is_this_machine


class Cookies:
    """Sets, reads and takes away cookies."""

    def __init__(self, base_url: str) -> None:
        """``base_url``: how people reach this service."""
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._path = "/" if self._secure else f"{parts.path}/"
        self._start = "__Host-" if self._secure else ""

    def are_kept(self, request: web.Request) -> bool:
        """Return whether a browser that sends a form keeps what it is given.

        By http it keeps nothing that is meant for https, but for this very machine.
        """
        scheme, _, host = request.headers.get("Origin", "").partition("://")
        name = host.rpartition(":")[0] or host
        return not self._secure or scheme != "http" or is_this_machine(name)

    def read(self, request: web.Request, name: str) -> str:
        """Return what a cookie holds, "" for none."""
        return request.cookies.get(self._name(name), "")

    def put(self, answer: web.StreamResponse, name: str, value: str, seconds: int) -> None:
        """Set a cookie for so long."""
        answer.set_cookie(
            self._name(name),
            value,
            max_age=seconds,
            path=self._path,
            secure=self._secure or None,
            httponly=True,
            # Strict would log everybody out who follows a link from Slack.
            samesite="Lax",
        )

    def drop(self, answer: web.StreamResponse, name: str) -> None:
        """Take a cookie away."""
        self.put(answer, name, "", 0)

    def _name(self, name: str) -> str:
        return f"{self._start}incident_manager_{name}"
