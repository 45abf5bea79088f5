"""When somebody may try to log in again after failures.

Counted are a name, whatever address is used, and an address, whatever names are tried. A browser
that a person logged in with before counts by itself: whoever fails on purpose in somebody's name
locks nobody out who is on call.
"""

import secrets
from collections.abc import Callable

from receiver.http.addresses import counted_as
from receiver.http.login_config import LoginConfig
from receiver.store.logins.attempts import AttemptStore
from receiver.store.logins.sessions import SessionStore

BYTES = 32
FREE = 3
"""Failures that cost nothing: fingers slip."""
SLOW_MOST_MS = 60_000
ADDRESS_FREE, ADDRESS_WAIT_MS = 100, 10_000
"""Behind a proxy many people share an address: it is slowed down late, and never locked."""


class Attempts:
    """Lets people try, later and later."""

    def __init__(
        self,
        store: AttemptStore,
        sessions: SessionStore,
        config: LoginConfig,
        now: Callable[[], int],
    ) -> None:
        """``now()`` returns the time in ms."""
        self._store = store
        self._sessions = sessions
        self._now = now
        self._waits: tuple[int, ...] = ()
        self.use(config)

    def use(self, config: LoginConfig) -> None:
        """Have these limits hold from now on."""
        self._waits = waits_of(config)

    async def take(self, username: str, address: str, device: str) -> int:
        """Return 0 for one who may try now, else how long to wait (ms).

        ``device``: of a browser that they logged in with before, "" for any other.
        """
        now = self._now()
        if not device:
            waits = (*(0,) * ADDRESS_FREE, ADDRESS_WAIT_MS)
            wait = await self._store.take(f"address:{counted_as(address)}", waits, now)
            if wait:
                return wait
        return await self._store.take(_counted(username, device), self._waits, now)

    async def succeeded(self, username: str, address: str, device: str) -> str:
        """Forget the failures of who logged in; return what their browser is known by from now on.

        A new one each time: what was copied from a browser is worth nothing after its next login.
        """
        await self._store.forget(_counted(username, device))
        await self._store.forget(f"address:{counted_as(address)}")
        known = secrets.token_urlsafe(BYTES)
        await self._sessions.remember(known, username)
        return known

    async def unlock(self, username: str) -> bool:
        """Let somebody try again at once; return whether there were any failures."""
        return await self._store.forget(f"name:{username}")


def _counted(username: str, device: str) -> str:
    return f"device:{device}" if device else f"name:{username}"


def waits_of(config: LoginConfig) -> tuple[int, ...]:
    """Return how long (ms) to wait after 1, 2, 3 ... failures; the last holds for more."""
    slow = (
        min(1_000 << (number - FREE), SLOW_MOST_MS) if number >= FREE else 0
        for number in range(1, config.lock_after)
    )
    return (*slow, config.lock_for)
