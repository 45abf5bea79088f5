"""People who log in: their entries, and a browser of theirs without a window."""

import re
from typing import Any
from urllib.parse import urlencode

import msgspec
from argon2 import PasswordHasher

from tests.support.app import App

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html,application/xhtml+xml"}
_QUICK = PasswordHasher(time_cost=1, memory_cost=7_168, parallelism=1)
"""What the configuration takes at least: tests log in often."""


def entry(
    name: str, role: str = "responder", password: str = PASSWORD, **more: Any
) -> dict[str, Any]:
    """Return an entry of ``web.credentials`` for somebody who logs in."""
    hashed = _QUICK.hash(password)
    return {"name": name, "username": name, "role": role, "password_hash": hashed} | more


class Answer(msgspec.Struct):
    """What was answered: status, text, headers, and where it leads to."""

    status: int
    text: str
    headers: Any

    @property
    def leads_to(self) -> str:
        return str(self.headers.get("Location", ""))


class Browser:
    """Keeps cookies by itself: what is stored, sent and taken away is looked at by tests."""

    def __init__(self, app: App, headers: dict[str, str] | None = None) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.flags: dict[str, str] = {}
        self._headers = HTML | (headers or {})

    async def ask(
        self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        sent = dict(self._headers) | (headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent.setdefault("Origin", self.app.url)
        async with self.app.session.request(
            method, self.app.url + path, data=data, headers=sent, allow_redirects=False
        ) as answer:
            self._keep(answer.headers.getall("Set-Cookie", []))
            # The session of the tests has a jar of its own.
            self.app.session.cookie_jar.clear()
            # A stream of events has no end.
            ends = answer.content_type != "text/event-stream"
            return Answer(answer.status, await answer.text() if ends else "", answer.headers)

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            pair, _, flags = line.partition(";")
            name, _, value = pair.partition("=")
            self.flags[name] = flags
            if "max-age=0" in flags.lower().replace(" ", ""):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, **fields: str) -> Answer:
        return await self.ask("POST", path, fields)

    async def log_in(self, name: str, password: str = PASSWORD, leads_to: str = "/") -> Answer:
        return await self.post("/login", username=name, password=password, next=leads_to)

    async def token(self, path: str = "/sessions") -> str:
        """Return what the forms of a page bring back."""
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get(path)).text)
        return found[1] if found else ""

    async def press(self, path: str, **fields: str) -> Answer:
        """Send a form as a page of this session does."""
        return await self.post(path, csrf=await self.token(), **fields)

    @property
    def session(self) -> str:
        return next((value for name, value in self.cookies.items() if "session" in name), "")


def next_of(path: str) -> str:
    """Return the address of a login that leads to a page."""
    return f"/login?{urlencode({'next': path}, safe='/')}"
