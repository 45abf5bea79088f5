"""Passwords of the people in ``web.credentials``, checked beside the event loop.

A check takes as long as a guess should: tens of milliseconds of a processor and the memory that the
hash asks for. One thread does them, one at a time and after everything else that wants the
processor; so many may wait, and whoever comes then is told to come again.
"""

import asyncio
import contextlib
import hmac
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from receiver.http.config import CredentialConfig

WAITING_MOST, KNOWN_MOST = 8, 4
"""With a check of 100 ms, as many as can be answered while a browser still waits gladly; and how
many more of those whose browser is known: strangers who guess leave them room."""
PASSWORD_MAX = 1_000
"""Characters: nobody has to type more, and nothing longer is hashed."""
NICE = 10
_HASHER = PasswordHasher(time_cost=3, memory_cost=32_768, parallelism=1)
"""60 ms of one processor and 32 MB, above what OWASP asks for at least."""


class BusyError(Exception):
    """As many passwords wait to be checked as may."""


def hash_password(password: str) -> str:
    """Return the hash of a password as a configuration has it."""
    return _HASHER.hash(password)


def _give_way() -> None:
    """Have this thread wait for those that answer requests, where a system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Passwords:
    """Everybody who has one, by their user name."""

    def __init__(self, credentials: Iterable[CredentialConfig]) -> None:
        self._of: dict[str, list[CredentialConfig]] = {}
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "passwords", initializer=_give_way)
        self.use(credentials)

    def use(self, credentials: Iterable[CredentialConfig]) -> None:
        """Know these from now on, and no others."""
        found: dict[str, list[CredentialConfig]] = {}
        for one in credentials:
            if one.username is not None:
                found.setdefault(one.username, []).append(one)
        self._of = found

    def knows(self, username: str) -> bool:
        """Return whether somebody has this user name."""
        return username in self._of

    @contextlib.contextmanager
    def place(self, *, known: bool = False) -> Iterator[None]:
        """Hold a place among those who wait for a check. BusyError."""
        if self._waiting >= WAITING_MOST + (KNOWN_MOST if known else 0):
            raise BusyError
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def check(self, username: str, password: str) -> CredentialConfig | None:
        """Return whose name and password these are, None for nobody; whoever asks has a place.

        A name that nobody has takes as long as a wrong password.
        """
        if len(password) > PASSWORD_MAX:
            return None
        entries = self._of.get(username, [])
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _owner, entries, password)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def proof_of(entry: CredentialConfig) -> str:
    """Return what a session rests on that began with an entry's password: another one ends it."""
    secret = entry.password.get_secret_value() if entry.password else entry.password_hash
    key = f"{entry.name}:{entry.username}".encode()
    return hmac.new(key, secret.encode("utf-8", "surrogateescape"), "sha256").hexdigest()


def _owner(entries: list[CredentialConfig], password: str) -> CredentialConfig | None:
    """Return which of the entries of a user name a password is of, None for none.

    One slow check each time, whatever there is: how long it takes tells nothing of a name.
    """
    given = password.encode("utf-8", "surrogateescape")
    hashed = next((one for one in entries if one.password_hash), None)
    if _is_of(hashed.password_hash if hashed else _nobodys(), given) and hashed:
        return hashed
    found = None
    for one in entries:
        if one.password is None:
            continue
        if hmac.compare_digest(one.password.get_secret_value().encode(), given):
            found = one
    return found


def _is_of(hashed: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return hash_password(os.urandom(16).hex())
