"""Who is logged in, by the configuration that holds; and what opens a session."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from receiver.http.config import CredentialConfig, WebConfig
from receiver.http.logins import login_needed
from receiver.http.principal import Person
from receiver.login.attempts import Attempts
from receiver.login.cookies import Cookies
from receiver.login.errors import UNDER_WAY_MS, LoginRefusedError
from receiver.login.passwords import Passwords, proof_of
from receiver.login.proxy import person_behind
from receiver.login.sessions import DEVICE, Sessions
from receiver.login.tokens import Tokens
from receiver.people.config import PersonConfig, known_names
from receiver.roles import Role
from receiver.store.keys import token_key, tokens_key
from receiver.store.logins.attempts import AttemptStore
from receiver.store.logins.sessions import DEVICE_KEPT_MS, LoginSession, SessionStore
from receiver.store.redis import Client

if TYPE_CHECKING:
    from receiver.login.oidc import Identity, Oidc

PASSWORD, SSO = "password", "single sign-on"
CALLBACK = "/login/oidc/callback"


class Login:
    """All ways in, and the sessions they begin."""

    def __init__(
        self,
        redis: Client,
        config: WebConfig,
        people: Mapping[str, PersonConfig],
        now: Callable[[], int],
    ) -> None:
        """``people``: whose names are shown instead of what others call them; ``now()`` in ms."""
        store = SessionStore(redis)
        self._now = now
        self._take(config)
        self._names = {
            called: people[key].name or key for called, key in known_names(people).items()
        }
        self.oidc = self._new_oidc()
        self.prefix = config.link_path
        self._served_under = sorted(config.served_under, key=len, reverse=True)
        self.cookies = Cookies(config.base_url)
        self.passwords = Passwords(config.credentials)
        self.attempts = Attempts(AttemptStore(redis), store, config.login, now)
        self.sessions = Sessions(store, self.cookies, config.login, now, self._standing)
        kept = SessionStore(redis, token_key, tokens_key)
        self.tokens = Tokens(kept, config.login, now, self._standing)

    def use(self, config: WebConfig) -> "Oidc | None":
        """Have these people, roles and limits hold from now on, for open sessions too.

        Return the single sign-on that another one took the place of, to be closed.
        """
        before, old = self.config.login.oidc, self.oidc
        self._take(config)
        replaced = before != config.login.oidc
        if replaced:
            self.oidc = self._new_oidc()
        self.passwords.use(config.credentials)
        self.attempts.use(config.login)
        self.sessions.config = self.tokens.config = config.login
        return old if replaced else None

    def _take(self, config: WebConfig) -> None:
        self.config = config
        self.enabled = config.logs_in
        self.has_passwords = any(one.password_hash for one in config.credentials)
        self._entries = {one.name: one for one in config.credentials}

    async def person(self, request: web.Request) -> Person | None:
        """Return who is logged in, None for nobody. HTTP 403, StoreUnavailableError."""
        proxy = self.config.login.proxy
        found = person_behind(request, proxy, self.name_of) if proxy is not None else None
        return found or await self.sessions.person(request)

    async def owner(self, request: web.Request) -> Person | None:
        """Return whose API token a request shows, None for nobody's. StoreUnavailableError."""
        return await self.tokens.person(request)

    async def end_all(self, name: str) -> int:
        """End all sessions and tokens of somebody; return how many there were."""
        return await self.sessions.end_of(name) + await self.tokens.store.end(name)

    def name_of(self, called: str) -> str:
        """Return how somebody is shown whom others call so."""
        return self._names.get(called.casefold(), called)

    def needed(self, request: web.Request) -> web.HTTPException:
        """Return the way to a login, for whoever asks for a page."""
        return login_needed(request, self.prefix, self._served_under)

    async def check_password(
        self, request: web.Request, username: str, password: str
    ) -> CredentialConfig | int:
        """Return who that is, or how long (ms) to wait for the next try: 0 where one may at once.

        BusyError, StoreUnavailableError.
        """
        device = await self._device(request, username)
        # First a place: whoever finds none has not failed.
        with self.passwords.place(known=bool(device)):
            wait = await self.attempts.take(username, request.remote or "", device)
            if wait:
                return wait
            entry = await self.passwords.check(username, password)
        return entry if entry is not None and not self._has_ended(entry) else 0

    async def _device(self, request: web.Request, username: str) -> str:
        """Return what a browser is known by that somebody logged in with before, "" for none."""
        device = self.cookies.read(request, DEVICE)
        return device if await self.sessions.store.knows(device, username) else ""

    async def begin_by_password(
        self, request: web.Request, answer: web.StreamResponse, entry: CredentialConfig
    ) -> None:
        """Begin the session of somebody whose password was right. StoreUnavailableError."""
        username = entry.username or ""
        device = await self._device(request, username)
        known = await self.attempts.succeeded(username, request.remote or "", device)
        self.cookies.put(answer, DEVICE, known, DEVICE_KEPT_MS // 1000)
        await self.sessions.begin(request, answer, entry.name, PASSWORD, proof=proof_of(entry))

    async def begin_by_sso(
        self, request: web.Request, answer: web.StreamResponse, identity: "Identity", state: str
    ) -> str:
        """Begin the session of somebody the provider vouches for; return their name.

        Once for each ``state``: LoginRefusedError, StoreUnavailableError.
        """
        if not await self.sessions.store.is_first(state, UNDER_WAY_MS):
            raise LoginRefusedError("this login was ended already: begin again")
        name = self.name_of(identity.name)
        await self.sessions.begin(
            request, answer, name, SSO, proof=self._issuer(), groups=identity.groups
        )
        return name

    def _standing(self, session: LoginSession) -> tuple[Role | None, bool] | None:
        """Return the role of a session's person and whether they are one, None: nobody any more."""
        if session.method == SSO:
            oidc = self.config.login.oidc
            role = oidc.role_of(session.groups) if oidc is not None else None
            return (role, True) if role is not None and session.proof == self._issuer() else None
        entry = self._entries.get(session.name)
        if entry is None or entry.username is None or self._has_ended(entry):
            return None
        return (entry.role, entry.is_human) if session.proof == proof_of(entry) else None

    def _has_ended(self, entry: CredentialConfig) -> bool:
        return 0 < entry.expires <= self._now()

    def _issuer(self) -> str:
        """Return what a session of the single sign-on rests on: another provider ends it."""
        oidc = self.config.login.oidc
        named = f"{oidc.issuer} {oidc.client_id}" if oidc is not None else ""
        return hashlib.sha256(named.encode()).hexdigest()

    def _new_oidc(self) -> "Oidc | None":
        config = self.config.login.oidc
        if config is None:
            return None
        # Imported only when used: its cryptography takes a tenth of a second.
        from receiver.login.oidc import Oidc  # noqa: PLC0415
        from receiver.login.provider import Provider  # noqa: PLC0415

        return Oidc(config, self.config.base_url + CALLBACK, self._now, Provider(config.issuer))

    async def close(self) -> None:
        """End what works beside the event loop."""
        self.passwords.close()
        if self.oidc is not None:
            await self.oidc.provider.close()
