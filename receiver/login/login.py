"""Who is logged in, by the configuration that holds; and what a password opens."""

from collections.abc import Callable

from aiohttp import web

from receiver.http.config import CredentialConfig, WebConfig
from receiver.http.logins import login_needed
from receiver.http.principal import Person
from receiver.login.attempts import Attempts
from receiver.login.cookies import Cookies
from receiver.login.passwords import Passwords, proof_of
from receiver.login.sessions import DEVICE, Sessions
from receiver.roles import Role
from receiver.store.logins.attempts import AttemptStore
from receiver.store.logins.sessions import DEVICE_KEPT_MS, LoginSession, SessionStore
from receiver.store.redis import Client

PASSWORD = "password"  # noqa: S105 - the name of a method


class Login:
    """All ways in, and the sessions they begin."""

    def __init__(self, redis: Client, config: WebConfig, now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms."""
        store = SessionStore(redis)
        self._now = now
        self.config = config
        self.prefix = config.link_path
        self._served_under = sorted(config.served_under, key=len, reverse=True)
        self.cookies = Cookies(config.base_url)
        self.passwords = Passwords(config.credentials)
        self.attempts = Attempts(AttemptStore(redis), store, config.login, now)
        self.sessions = Sessions(store, self.cookies, config.login, now, self._standing)

    def use(self, config: WebConfig) -> None:
        """Have these people, roles and limits hold from now on, for open sessions too."""
        self.config = config
        self.passwords.use(config.credentials)
        self.attempts.use(config.login)
        self.sessions.config = config.login

    @property
    def enabled(self) -> bool:
        """Whether anybody can log in."""
        return self.config.logs_in

    async def person(self, request: web.Request) -> Person | None:
        """Return who is logged in, None for nobody. StoreUnavailableError."""
        return await self.sessions.person(request)

    def needed(self, request: web.Request) -> web.HTTPException:
        """Return the way to a login, for whoever asks for a page."""
        return login_needed(request, self.prefix, self._served_under)

    async def check_password(
        self, request: web.Request, username: str, password: str
    ) -> CredentialConfig | int:
        """Return who that is, or how long (ms) to wait for the next try: 0 where one may at once.

        BusyError, StoreUnavailableError.
        """
        address, device = request.remote or "", self.cookies.read(request, DEVICE)
        wait = await self.attempts.take(username, address, device)
        if wait:
            return wait
        entry = await self.passwords.check(username, password)
        return entry if entry is not None and not self._has_ended(entry) else 0

    async def begin_by_password(
        self, request: web.Request, answer: web.StreamResponse, entry: CredentialConfig
    ) -> None:
        """Begin the session of somebody whose password was right. StoreUnavailableError."""
        username, device = entry.username or "", self.cookies.read(request, DEVICE)
        known = await self.attempts.succeeded(username, request.remote or "", device)
        self.cookies.put(answer, DEVICE, known, DEVICE_KEPT_MS // 1000)
        await self.sessions.begin(request, answer, entry.name, PASSWORD, proof=proof_of(entry))

    def _standing(self, session: LoginSession) -> tuple[Role | None, bool] | None:
        """Return the role of a session's person and whether they are one, None: nobody any more."""
        entry = next((one for one in self.config.credentials if one.name == session.name), None)
        if entry is None or entry.username is None or self._has_ended(entry):
            return None
        return (entry.role, entry.is_human) if session.proof == proof_of(entry) else None

    def _has_ended(self, entry: CredentialConfig) -> bool:
        return 0 < entry.expires <= self._now()

    async def close(self) -> None:
        """End what works beside the event loop."""
        self.passwords.close()
