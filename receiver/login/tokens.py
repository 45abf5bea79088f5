"""API tokens of people: for their own programs, with their own role, ended with their login.

A token is as a session, but for who holds it: it rests on the same proof and ends when the person's
entry, password or provider is another one, with ``token_max`` and when its owner or an
administrator ends it. It is shown once and stored as a hash.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress

import msgspec
from aiohttp import web

from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.login_config import LoginConfig
from receiver.http.principal import Person
from receiver.login.sessions import Standing
from receiver.store.logins.sessions import LoginSession, SessionStore, digest_of

PREFIX = "imp_"
"""What tokens begin with: the guard, and whoever finds one in a log, knows them by it."""
BYTES = 32
MOST = 20
"""Of one person."""
LABEL_MAX = 80
_SHOWN_MAX = 100
_USED_EVERY_MS = 600_000


class Tokens:
    """Makes tokens, knows whose one is, and ends them."""

    def __init__(
        self,
        store: SessionStore,
        config: LoginConfig,
        now: Callable[[], int],
        standing: Standing,
    ) -> None:
        """``now()`` returns the time in ms; ``standing`` judges by the configuration that holds."""
        self.store = store
        self.config = config
        self._now = now
        self._standing = standing

    @property
    def _longest(self) -> int:
        return self.config.token_max or 0

    async def make(self, session: LoginSession, label: str, kept: int) -> str:
        """Return a new token of whoever has a session, for ``kept`` ms.

        PayloadError for what is not allowed; StoreUnavailableError.
        """
        label = label.strip()
        if not label or not label.isprintable() or len(label) > LABEL_MAX:
            raise PayloadError(f"says what it is for, on one line of {LABEL_MAX} characters", "for")
        if self._longest == 0:
            raise PayloadError("nobody makes tokens here (web.login.token_max)", "days")
        if not 0 < kept <= self._longest:
            days = self._longest // 86_400_000
            raise PayloadError(f"allowed: 1 to {days} days (web.login.token_max)", "days")
        if len(await self.store.of(session.name)) >= MOST:
            raise PayloadError(f"you have {MOST} tokens: end one first", "for")
        secret, now = PREFIX + secrets.token_urlsafe(BYTES), self._now()
        token = msgspec.structs.replace(
            session, created=now, seen=now, until=now + kept, agent=label, address=""
        )
        await self.store.begin(digest_of(secret), token, kept)
        return secret

    async def person(self, request: web.Request) -> Person | None:
        """Return whose token a request shows, None for nobody's. StoreUnavailableError."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        secret = secret.strip()
        shown = scheme.lower() == "bearer" and secret.startswith(PREFIX)
        if not shown or len(secret) > _SHOWN_MAX:
            return None
        digest = digest_of(secret)
        token = await self.store.find(digest)
        now = self._now()
        if token is None or now >= min(token.until, token.created + self._longest):
            return None
        standing = self._standing(token)
        if standing is None:
            return None
        if now - token.seen >= _USED_EVERY_MS:
            used = msgspec.structs.replace(token, seen=now)
            with suppress(StoreUnavailableError):
                await self.store.used(digest, used, max(1, token.until - now))
        role, human = standing
        return Person(token.name, role, human)
