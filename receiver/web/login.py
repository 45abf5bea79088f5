"""``/login`` and ``/logout``, one's sessions, and what an administrator does about others'."""

import logging
from typing import Any, TypedDict

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.audit.notes import Audit
from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.http.config import CredentialConfig
from receiver.http.forms import read_form
from receiver.http.logins import LOG_OUT, local_path
from receiver.http.routes import Who, person_of, principal_of, serves
from receiver.http.spec import Spec
from receiver.login.login import Login
from receiver.login.passwords import BusyError
from receiver.templates import assets_version, render
from receiver.text.times import rfc3339
from receiver.web.console_account import account_of
from receiver.web.console_view import length, moment
from receiver.web.login_page import login_page
from receiver.web.page_headers import HEADERS

log = logging.getLogger("login")

NAME_MAX = 200
FORM_MAX = 8_192
_WRONG = "This user name and password do not belong together."
_BUSY = "Many people log in at this moment. Try again in a second."
_AWAY = "Redis is away or takes nothing, so nobody can log in now. The log says why."
_SAID = {
    "out": "You are logged out.",
    "ended": "That session is over.",
    "others": "All your other sessions are over.",
}


class Ended(TypedDict):
    """How many sessions of somebody ended."""

    name: str
    ended: int


class Unlocked(TypedDict):
    """Somebody may log in at once; ``had_failures``: whether there were any."""

    username: str
    had_failures: bool


class LoginEndpoint:
    """How people come in and go, and what is open in their name."""

    def __init__(self, login: Login, clock: Clock, audit: Audit) -> None:
        self._login = login
        self._clock = clock
        self._audit = audit
        self._prefix = login.prefix
        self._base_url = login.config.base_url

    @serves("GET", "/login", Who.OPEN)
    async def show(self, request: web.Request) -> web.Response:
        """GET /login?next=: the page; whoever is logged in goes on at once."""
        self._check_enabled()
        leads_to = local_path(request.query.get("next", ""), self._prefix)
        try:
            person = await self._login.person(request)
        except StoreUnavailableError:
            return self._page(leads_to, problem=_AWAY, status=503)
        if person is not None:
            return _see(leads_to)
        said = request.query.get("said", "")
        return self._page(leads_to, said=_SAID.get(said, ""), out=said == "out")

    @serves("POST", "/login", Who.OPEN)
    async def enter(self, request: web.Request) -> web.Response:
        """POST /login: a user name and a password; leads to where one wanted to go."""
        self._check_enabled()
        form = await read_form(request, FORM_MAX)
        leads_to = local_path(form.get("next", ""), self._prefix)
        username = form.get("username", "").strip()[:NAME_MAX]
        if not self._login.cookies.are_kept(request):
            # Else one would be led back to an empty form, without a word.
            words = f"By http your browser would not keep the login: open {self._base_url}"
            return self._page(leads_to, username, problem=words, status=403)
        try:
            found = await self._login.check_password(request, username, form.get("password", ""))
            if isinstance(found, CredentialConfig):
                answer = _see(leads_to)
                await self._login.begin_by_password(request, answer, found)
                self._audit.login(found.name, "password", request.remote or "")
                return answer
        except BusyError:
            return self._page(leads_to, username, problem=_BUSY, status=503, wait=1_000)
        except StoreUnavailableError as error:
            log.warning("nobody can log in: %s", error)
            # Not the page of all other errors, which repeats what was sent.
            return self._page(leads_to, username, problem=_AWAY, status=503, wait=1_000)
        # What is nobody's name may be somebody's password, typed into the wrong field.
        who = username if self._login.passwords.knows(username) else "an unknown name"
        self._audit.refused_login(who, "password", request.remote or "", locked=found > 0)
        if found:
            return self._page(leads_to, username, problem=_later(found), status=429, wait=found)
        return self._page(leads_to, username, problem=_WRONG, status=401)

    @serves("POST", LOG_OUT, Who.VIEWER, page=True)
    async def leave(self, request: web.Request) -> web.Response:
        """POST /logout: the session of this browser ends."""
        person = person_of(request)
        answer = _see(f"{self._prefix}/login?said=out")
        if person is not None:
            await self._login.sessions.end(request, answer)
            self._audit.logout(person.name, 1)
        return answer

    @serves("GET", "/sessions", Who.VIEWER, page=True)
    async def sessions(self, request: web.Request) -> web.Response:
        """GET /sessions: where one is logged in."""
        person, now = person_of(request), self._clock.now()
        found = await self._login.sessions.store.of(person.name) if person is not None else {}
        rows = [
            {
                "id": digest,
                "here": person is not None and digest == person.session,
                "method": session.method,
                "agent": session.agent,
                "address": session.address,
                "created": moment(session.created, now),
                "seen": moment(session.seen, now),
                "until": rfc3339(session.until),
            }
            for digest, session in found.items()
        ]
        principal = principal_of(request)
        page = await read_off_the_loop(
            lambda: render(
                "console/sessions.html.j2",
                prefix=self._prefix,
                version=assets_version(),
                **account_of(request),
                said=_SAID.get(request.query.get("said", ""), ""),
                sessions=rows,
                who=principal.name if principal is not None else "",
                role=(principal.role or "admin") if principal is not None else "",
            )
        )
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    @serves("POST", "/sessions/end", Who.VIEWER, page=True)
    async def end(self, request: web.Request) -> web.Response:
        """POST /sessions/end: one of one's own (``session``), or without it all others."""
        person = person_of(request)
        if person is None or not person.session:
            raise web.HTTPBadRequest(text="Whoever asks here has no session.\n")
        only = (await read_form(request, FORM_MAX)).get("session", "")
        if only == person.session:
            return await self.leave(request)
        but = person.session if not only else ""
        self._audit.logout(
            person.name, await self._login.sessions.end_of(person.name, only=only, but=but)
        )
        return _see(f"{self._prefix}/sessions?said={'ended' if only else 'others'}")

    @serves("DELETE", "/v1/logins/{name}/sessions", Who.ADMIN, spec=Spec({200: Ended}))
    async def end_all(self, request: web.Request) -> web.Response:
        """DELETE /v1/logins/{name}/sessions: all of somebody's sessions end at once."""
        name = request.match_info["name"]
        number = await self._login.sessions.end_of(name)
        self._audit.logout(name, number, by=_name_of(request))
        return web.json_response({"name": name, "ended": number})

    @serves("DELETE", "/v1/logins/{name}/lock", Who.ADMIN, spec=Spec({200: Unlocked}))
    async def unlock(self, request: web.Request) -> web.Response:
        """DELETE /v1/logins/{name}/lock: somebody may log in at once, however often they failed."""
        name = request.match_info["name"]
        found = await self._login.attempts.unlock(name)
        self._audit.unlock(name, by=_name_of(request))
        return web.json_response({"username": name, "had_failures": found})

    def _check_enabled(self) -> None:
        if not self._login.enabled:
            words = "Nobody logs in here: see password_hash of web.credentials, and web.login.\n"
            raise web.HTTPNotFound(text=words)

    def _page(self, leads_to: str, username: str = "", **more: Any) -> web.Response:
        return login_page(self._login, leads_to, username, **more)


def _later(wait: int) -> str:
    return (
        f"Too many failed logins: try again in {length(wait)}. A browser that you logged in with"
        " before lets you try at once, and so can an administrator: incident-manager login unlock"
    )


def _see(place: str) -> web.Response:
    return web.Response(status=303, headers={"Location": place, "Cache-Control": "no-store"})


def _name_of(request: web.Request) -> str:
    principal = principal_of(request)
    return principal.name if principal is not None else "somebody"
