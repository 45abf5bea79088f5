"""Whose session a request is of, from its cookie; and how sessions begin and end."""

import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress

import msgspec
from aiohttp import web
from cachetools import TTLCache

from receiver.errors import StoreUnavailableError
from receiver.http.login_config import LoginConfig
from receiver.http.principal import Person
from receiver.login.cookies import Cookies
from receiver.roles import Role
from receiver.store.logins.sessions import LoginSession, SessionStore, digest_of

COOKIE, DEVICE = "session", "device"
BYTES = 32
USED_EVERY_MS = 60_000
"""A session that is used all the time is written so often."""
AGENT_MAX, ADDRESS_MAX = 200, 64
COOKIE_MAX = 100
WITHOUT_STORE_S, REMEMBERED_MOST = 900, 1_000
"""For so long somebody may still read, by what was known last, while Redis is away: the runbook for
that is read then."""

Standing = Callable[[LoginSession], tuple[Role | None, bool] | None]
"""Returns the role somebody has by now and whether they are a person, None for nobody any more."""


class Sessions:
    """Sessions as cookies."""

    def __init__(
        self,
        store: SessionStore,
        cookies: Cookies,
        config: LoginConfig,
        now: Callable[[], int],
        standing: Standing,
    ) -> None:
        """``now()`` returns the time in ms; ``standing`` judges by the configuration that holds."""
        self.store = store
        self.cookies = cookies
        self.config = config
        self._now = now
        self._standing = standing
        self._last: TTLCache[str, LoginSession] = TTLCache(REMEMBERED_MOST, WITHOUT_STORE_S)

    async def person(self, request: web.Request) -> Person | None:
        """Return whose session a request is of, None for nobody's. StoreUnavailableError."""
        secret = self.cookies.read(request, COOKIE)
        if not secret or len(secret) > COOKIE_MAX:
            return None
        digest = digest_of(secret)
        session = await self._found(digest, reads=request.method in ("GET", "HEAD"))
        if session is None or self._is_over(session):
            return None
        standing = self._standing(session)
        if standing is None:
            return None
        role, human = standing
        return Person(session.name, role, human, digest, csrf_of(secret))

    async def _found(self, digest: str, *, reads: bool) -> LoginSession | None:
        try:
            session = await self.store.find(digest)
            now = self._now()
            if session is not None and not self._is_over(session):
                often = min(USED_EVERY_MS, self.config.session_idle // 10)
                if now - session.seen >= often:
                    session = msgspec.structs.replace(session, seen=now)
                    # A server whose memory or disk is full still lets people read.
                    with suppress(StoreUnavailableError):
                        await self.store.used(digest, session, self._kept(session, now))
                self._last[digest] = session
            else:
                self._last.pop(digest, None)
        except StoreUnavailableError:
            if not reads or digest not in self._last:
                raise
            return self._last[digest]
        return session

    def _is_over(self, session: LoginSession) -> bool:
        now, config = self._now(), self.config
        end = min(session.until, session.created + config.session_max)
        return now >= end or now >= session.seen + config.session_idle

    def _kept(self, session: LoginSession, now: int) -> int:
        return max(1, min(self.config.session_idle, session.until - now))

    async def begin(
        self,
        request: web.Request,
        answer: web.StreamResponse,
        name: str,
        method: str,
        *,
        proof: str = "",
        groups: tuple[str, ...] = (),
    ) -> None:
        """Begin a session; one that the browser had before ends. StoreUnavailableError."""
        await self.end(request)
        now, secret = self._now(), secrets.token_urlsafe(BYTES)
        session = LoginSession(
            name,
            method,
            created=now,
            seen=now,
            until=now + self.config.session_max,
            proof=proof,
            groups=groups,
            agent=_printable(request.headers.get("User-Agent", ""))[:AGENT_MAX],
            address=(request.remote or "")[:ADDRESS_MAX],
        )
        await self.store.begin(digest_of(secret), session, self._kept(session, now))
        self.cookies.put(answer, COOKIE, secret, self.config.session_max // 1000)

    async def end(self, request: web.Request, answer: web.StreamResponse | None = None) -> None:
        """End the session that a request is of, if there is one."""
        secret = self.cookies.read(request, COOKIE)
        if secret and len(secret) <= COOKIE_MAX:
            digest = digest_of(secret)
            self._last.pop(digest, None)
            session = await self.store.find(digest)
            if session is not None:
                await self.store.end(session.name, only=digest)
        if answer is not None:
            self.cookies.drop(answer, COOKIE)

    async def end_of(self, name: str, *, only: str = "", but: str = "") -> int:
        """End somebody's sessions: one, all but one, or all; return how many."""
        number = await self.store.end(name, only=only, but=but)
        for digest in [key for key, one in self._last.items() if one.name == name]:
            if digest != but and only in ("", digest):
                self._last.pop(digest, None)
        return number


def csrf_of(secret: str) -> str:
    """Return what the forms of a session bring back: nobody has it who cannot read its pages."""
    return hmac.new(secret.encode("utf-8", "surrogateescape"), b"csrf", "sha256").hexdigest()


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
