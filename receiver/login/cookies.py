"""The cookies of a login: named, kept to this service, and out of reach of scripts.

Where people come by https the name begins with ``__Host-``: a browser takes such a cookie from this
host alone, over https alone, so that nobody beside us can set one.
"""

from urllib.parse import urlsplit

from aiohttp import web


class Cookies:
    """Sets, reads and takes away cookies."""

    def __init__(self, base_url: str) -> None:
        """``base_url``: how people reach this service."""
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._path = "/" if self._secure else f"{parts.path}/"
        self._start = "__Host-" if self._secure else ""

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
