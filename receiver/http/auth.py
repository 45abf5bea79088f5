"""Who may send: bearer token or basic credentials, compared in constant time; or a signature."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Iterable

from aiohttp import web

from receiver.http.config import CredentialConfig

SIGNED_MAX = 2 << 20
"""Bytes of a signed body. Slack's and PagerDuty's have some tens of kilobytes; a message with all
its blocks, written as a form, stays below one megabyte."""
BODY_MAX, FORM_MAX = 1 << 20, 1 << 16
"""Bytes of what is no notification, and of a form among it: people and their programs send some
kilobytes. Both are read on the event loop, where a form of 16 MB takes seconds."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
READ_WITHIN_S = 5.0
"""Slack and PagerDuty have given up by then."""


async def read_signed(request: web.Request) -> bytes:
    """Return the body that a signature is over: of a bounded size, in a bounded time.

    It has to be read before anybody can be believed, so strangers can have it read. HTTP 408, 413.
    """
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await request.clone(client_max_size=SIGNED_MAX).read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body did not come in time\n") from None


def bounded(request: web.Request, notifications: str) -> web.Request:
    """Return a request whose body is read up to its bound, else 413.

    ``notifications``: the end of the path that may have the application's.
    """
    if not request.can_read_body or request.path.rstrip("/").endswith(notifications):
        return request
    most = FORM_MAX if request.content_type in _FORMS else BODY_MAX
    return request.clone(client_max_size=min(request.client_max_size, most))


class Access:
    """The configured credentials. With none configured everybody who can connect may send."""

    def __init__(self, credentials: Iterable[CredentialConfig]) -> None:
        self._bearer: list[tuple[bytes, CredentialConfig]] = []
        self._basic: list[tuple[bytes, CredentialConfig]] = []
        self.use(credentials)

    def use(self, credentials: Iterable[CredentialConfig]) -> None:
        """Know these from now on, and no others."""
        bearer, basic = [], []
        for credential in credentials:
            if credential.token is not None:
                bearer.append((credential.token.get_secret_value().encode(), credential))
            elif credential.username is not None and credential.password is not None:
                pair = f"{credential.username}:{credential.password.get_secret_value()}"
                basic.append((pair.encode(), credential))
        self._bearer, self._basic = bearer, basic

    @property
    def open(self) -> bool:
        """True while no credential is configured."""
        return not self._bearer and not self._basic

    def knows(self, request: web.Request) -> bool:
        """Return whether a request may be told what is not for everybody; it is never refused."""
        try:
            self.check(request)
        except web.HTTPUnauthorized:
            return False
        return True

    def check_browser(self, request: web.Request) -> CredentialConfig | None:
        """As ``check``, for pages: a browser asks for name and password only when told so.

        A script that looks for news is not to make it ask: it loads the page anew for that.
        """
        try:
            return self.check(request)
        except web.HTTPUnauthorized as error:
            if request.headers.get("X-Requested-With") != "XMLHttpRequest":
                error.headers["WWW-Authenticate"] = 'Basic realm="incident-manager"'
            raise

    def check(self, request: web.Request) -> CredentialConfig | None:
        """Return the credential used, None when none is needed; HTTP 401 otherwise."""
        if self.open:
            return None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        offered = given.strip().encode("utf-8", "surrogateescape")
        known = {"bearer": self._bearer, "basic": self._basic}.get(scheme.lower(), [])
        if known is self._basic:
            try:
                offered = base64.b64decode(offered, validate=True)
            except (binascii.Error, ValueError):
                offered = b""
        found = None
        for secret, credential in known:
            # No early exit: the time taken must not tell which credential came close.
            if hmac.compare_digest(secret, offered):
                found = credential
        if found is None:
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": 'Bearer realm="incident-manager"'},
                text='{"error": "credentials are missing or wrong; send one of web.credentials '
                'as a bearer token or as basic authentication"}\n',
                content_type="application/json",
            )
        return found
