"""Who may send: bearer token or basic credentials, compared in constant time; or a signature."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable

from aiohttp import web

from receiver.http.config import CredentialConfig, hash_of
from receiver.http.limits import Limits, LimitsConfig, TooManyRequestsError
from receiver.http.principal import Person, Principal
from receiver.observability.correlation import Caller, caller
from receiver.problem import refusal
from receiver.roles import Role, may
from receiver.text.times import rfc3339

EXPIRES_SOON_MS = 14 * 86_400_000
"""So long before its end it is said that a credential ends."""
SAID_MAX = 3


class Access:
    """The configured credentials. With none configured everybody who can connect may send."""

    def __init__(
        self,
        credentials: Iterable[CredentialConfig],
        now: Callable[[], int],
        *,
        logs_in: bool = False,
    ) -> None:
        """``now()`` returns the time in ms; ``logs_in``: there are people who log in."""
        self._now = now
        self._logs_in = logs_in
        self._owners: dict[str, str] = {}
        self._all: tuple[CredentialConfig, ...] = ()
        self._bearer: list[tuple[bytes, CredentialConfig]] = []
        self._hashed: list[tuple[bytes, CredentialConfig]] = []
        self._basic: list[tuple[bytes, CredentialConfig]] = []
        self._certified: dict[str, CredentialConfig] = {}
        self.limits = Limits(LimitsConfig())
        self.note: Callable[[str], None] = _forget
        """Called with the name of each credential that is used."""
        self.use(credentials, logs_in=logs_in)

    def use(self, credentials: Iterable[CredentialConfig], *, logs_in: bool = False) -> None:
        """Know these from now on, and no others."""
        bearer, hashed, basic, people, certified = [], [], [], [], []
        for credential in credentials:
            if credential.client_allowed_sans:
                certified.append(credential)
            elif credential.password_hash:
                people.append(credential)
            elif credential.token_hash:
                hashed.append((credential.token_hash.encode(), credential))
            elif credential.token is not None:
                bearer.append((credential.token.get_secret_value().encode(), credential))
            elif credential.username is not None and credential.password is not None:
                pair = f"{credential.username}:{credential.password.get_secret_value()}"
                basic.append((pair.encode(), credential))
        self._bearer, self._hashed, self._basic = bearer, hashed, basic
        self._certified = {san: one for one in certified for san in one.client_allowed_sans}
        self._all = (*(one for _, one in (*bearer, *hashed, *basic)), *people, *certified)
        self._logs_in = logs_in
        self._owners = {one.cluster: one.name for one in self._all if one.cluster}

    @property
    def open(self) -> bool:
        """True while no credential is configured, and nobody logs in."""
        return not self._all and not self._logs_in

    def owner_of(self, cluster: str) -> str:
        """Return the name of a credential that a cluster belongs to, "" for none."""
        return self._owners.get(cluster, "")

    def ending(self) -> str:
        """Return which credentials end soon or have ended, "" for none.

        An Alertmanager that is answered 401 drops what it has to say.
        """
        now = self._now()
        found = sorted(
            (one.expires, one.name) for one in self._all if 0 < one.expires < now + EXPIRES_SOON_MS
        )
        words = [
            f"the credential {name} {'expired' if at <= now else 'expires'} at {rfc3339(at)}"
            for at, name in found[:SAID_MAX]
        ]
        more = f" and {len(found) - SAID_MAX} more" if len(found) > SAID_MAX else ""
        return f"{', '.join(words)}{more}: put a new one beside it" if words else ""

    def knows(self, request: web.Request) -> bool:
        """Return whether a request may be told what is not for everybody; it is never refused."""
        try:
            self.check(request, Role.VIEWER)
        except (web.HTTPUnauthorized, web.HTTPForbidden, TooManyRequestsError):
            return False
        return True

    def check_browser(self, request: web.Request, needed: Role) -> CredentialConfig | None:
        """As ``check``, for pages: a browser asks for name and password only when told so.

        A script that looks for news is not to make it ask: it loads the page anew for that.
        """
        try:
            return self.check(request, needed)
        except web.HTTPUnauthorized as error:
            if request.headers.get("X-Requested-With") != "XMLHttpRequest":
                error.headers["WWW-Authenticate"] = 'Basic realm="incident-manager"'
            raise

    def check(self, request: web.Request, needed: Role) -> CredentialConfig | None:
        """Return the credential used, None when none is configured.

        HTTP 401 for none, or one that is unknown or has expired; 403 for one of another role; 429
        where too many wrong passwords come from an address.
        """
        if self.open:
            return None
        found = self._found(request)
        if found is None:
            raise _unauthorized(
                "credentials are missing or wrong; send one of web.credentials as a bearer token or"
                " as basic authentication"
            )
        if found.expires and found.expires <= self._now():
            raise _unauthorized(
                f"the credential {found.name} expired at {rfc3339(found.expires)}; a new one goes"
                " beside it in web.credentials"
            )
        self.note(found.name)
        demand(found, needed)
        return found

    @property
    def names(self) -> list[str]:
        """Return the names of all credentials."""
        return [one.name for one in self._all]

    def _found(self, request: web.Request) -> CredentialConfig | None:
        """Return the credential that a request shows, whatever may be done with it.

        What a request says counts before the certificate of its connection.
        """
        return self._said(request) or self._of_certificate(request)

    def _of_certificate(self, request: web.Request) -> CredentialConfig | None:
        """Return that of a client certificate, which the handshake has verified."""
        if not self._certified:
            return None
        shown = request.get_extra_info("peercert") or {}
        found = (self._certified.get(name) for _kind, name in shown.get("subjectAltName", ()))
        return next(filter(None, found), None)

    def _said(self, request: web.Request) -> CredentialConfig | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        offered = given.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() == "bearer":
            return self._of_token(offered)
        if scheme.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(offered, validate=True)
        except (binascii.Error, ValueError):
            pair = b""
        name, _, password = pair.partition(b":")
        # A browser can send a token only as a password: of the name of its entry.
        token = self._of_token(password)
        if token is not None and token.name.encode() == name:
            return token
        if not self._basic:
            return None
        found = _of(pair, self._basic)
        # People choose passwords, so others can guess them; a token nobody guesses.
        self.limits.password(request.remote or "", found.name if found is not None else "")
        return found

    def _of_token(self, token: bytes) -> CredentialConfig | None:
        hashed = hash_of(token.decode("utf-8", "surrogateescape")).encode()
        return _of(token, self._bearer) or _of(hashed, self._hashed)


def _forget(_name: str) -> None:
    pass


def _of(
    offered: bytes, entries: Iterable[tuple[bytes, CredentialConfig]]
) -> CredentialConfig | None:
    found = None
    for secret, credential in entries:
        # No early exit: the time taken must not tell which credential came close.
        if hmac.compare_digest(secret, offered):
            found = credential
    return found


def demand(principal: Principal | None, needed: Role) -> None:
    """Refuse with HTTP 403 what needs another role; None: nothing is asked of anybody."""
    if principal is not None and not may(principal.role, needed):
        # Whoever writes down that this was refused knows whom it was.
        caller.set(Caller(principal.name, caller.get().address))
        person = isinstance(principal, Person)
        advice = (
            "whoever runs this service can give you that role"
            if person
            else "set its role in web.credentials, or use another credential"
        )
        words = (
            f"{'' if person else 'the credential '}{principal.name} has the role {principal.role};"
            f" this needs {needed}: {advice}"
        )
        raise refusal(web.HTTPForbidden, words, role=principal.role, needed=needed)


def _unauthorized(words: str) -> web.HTTPException:
    headers = {"WWW-Authenticate": 'Bearer realm="incident-manager"'}
    return refusal(web.HTTPUnauthorized, words, headers)
