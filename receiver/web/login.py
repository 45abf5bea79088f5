"""``/login`` and ``/logout``, one's sessions, and what an administrator does about others'."""

import logging
from typing import Any

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.audit.notes import Audit
from receiver.clock import Clock
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.asked.forms import read_form
from receiver.http.asked.spec import Spec
from receiver.http.config import CredentialConfig
from receiver.http.logins import LOG_OUT, local_path
from receiver.http.routes import Who, person_of, principal_of, serves
from receiver.login.login import Login
from receiver.login.passwords import BusyError
from receiver.store.logins.sessions import LoginSession
from receiver.templates import assets_version, render
from receiver.text.numbers import whole
from receiver.text.times import rfc3339
from receiver.web.answer_shapes import Ended, Unlocked
from receiver.web.console_account import account_of
from receiver.web.console_view import length, moment
from receiver.web.login_page import login_page
from receiver.web.page_headers import page_answer

log = logging.getLogger("login")

NAME_MAX = 200
FORM_MAX = 8_192
DAY_MS, DAYS_MAX = 86_400_000, 366
_WRONG = "This user name and password do not belong together."
_BUSY = "Many people log in at this moment. Try again in a second."
_AWAY = "Redis is away or takes nothing, so nobody can log in now. The log says why."
_SAID = {
    "out": "You are logged out.",
    "ended": "That session is over.",
    "others": "All your other sessions are over.",
    "token": "That token is worth nothing any more.",
}


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
        return await self._sessions(request, _SAID.get(request.query.get("said", ""), ""))

    @serves("POST", "/sessions/tokens", Who.VIEWER, page=True)
    async def make_token(self, request: web.Request) -> web.Response:
        """POST /sessions/tokens: an API token of one's own (``for``, ``days``), shown this once."""
        session = await self._own(request)
        form = await read_form(request, FORM_MAX)
        label, days = form.get("for", ""), whole(form.get("days", ""), DAYS_MAX) or 0
        try:
            secret = await self._login.tokens.make(session, label, days * DAY_MS)
        except PayloadError as error:
            return await self._sessions(request, problem=f"{error.position}: {error.message}")
        self._audit.token(session.name, label.strip(), made=True)
        return await self._sessions(request, secret=secret)

    @serves("POST", "/sessions/tokens/end", Who.VIEWER, page=True)
    async def end_token(self, request: web.Request) -> web.Response:
        """POST /sessions/tokens/end: one API token of one's own (``token``) is worth nothing."""
        session = await self._own(request)
        wanted = (await read_form(request, FORM_MAX)).get("token", "")
        known = (await self._login.tokens.store.of(session.name)).get(wanted)
        if known is not None:
            await self._login.tokens.store.end(session.name, only=wanted)
            self._audit.token(session.name, known.agent, made=False)
        return _see(f"{self._prefix}/sessions?said=token")

    async def _own(self, request: web.Request) -> LoginSession:
        """Return the session of whoever asks: a token, or a proxy's word, makes no token."""
        person = person_of(request)
        found = None
        if person is not None and person.session:
            found = await self._login.sessions.store.find(person.session)
        if found is None:
            raise web.HTTPBadRequest(text="Only somebody who logged in here has API tokens.\n")
        return found

    async def _sessions(
        self, request: web.Request, said: str = "", *, secret: str = "", problem: str = ""
    ) -> web.Response:
        person, now = person_of(request), self._clock.now()
        name = person.name if person is not None else ""
        found = await self._login.sessions.store.of(name) if name else {}
        tokens = await self._login.tokens.store.of(name) if name else {}
        principal = principal_of(request)
        here = person.session if person is not None else ""
        page = await read_off_the_loop(
            lambda: render(
                "console/sessions.html.j2",
                prefix=self._prefix,
                version=assets_version(),
                **account_of(request),
                said=said,
                sessions=[_row(digest, one, now, here) for digest, one in found.items()],
                tokens=[_row(digest, one, now, here) for digest, one in tokens.items()],
                days=(self._login.config.login.token_max or 0) // DAY_MS,
                secret=secret,
                problem=problem,
                who=principal.name if principal is not None else "",
                role=(principal.role or "admin") if principal is not None else "",
            )
        )
        status = 400 if problem else 200
        return page_answer(page, status=status)

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
        """DELETE /v1/logins/{name}/sessions: all their sessions and API tokens end at once."""
        name = request.match_info["name"]
        number = await self._login.end_all(name)
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


def _row(digest: str, session: LoginSession, now: int, here: str) -> dict[str, Any]:
    return {
        "id": digest,
        "here": digest == here,
        "method": session.method,
        "agent": session.agent,
        "address": session.address,
        "created": moment(session.created, now),
        "seen": moment(session.seen, now),
        "until": rfc3339(session.until),
    }


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
