"""``/login/oidc``: to the provider of a single sign-on, and back."""

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web

from receiver.audit.notes import Audit
from receiver.errors import StoreUnavailableError
from receiver.http.logins import local_path
from receiver.http.routes import Who, serves
from receiver.login.errors import LoginRefusedError, ProviderError
from receiver.login.login import CALLBACK, SSO, Login
from receiver.web.login_page import login_page
from receiver.web.page_headers import HEADERS

if TYPE_CHECKING:
    from receiver.login.oidc import Oidc

log = logging.getLogger("login")

_COOKIES = tuple(f"oidc_{number}" for number in range(4))
"""So many logins may be under way in a browser, each in a tab; one more takes another's place."""
AT_ONCE = 8
"""Logins that ask the provider at the same time; more are told to come again."""


class OidcEndpoint:
    """Leads to the provider, and takes whom it vouches for."""

    def __init__(self, login: Login, audit: Audit) -> None:
        self._audit = audit
        self._login = login
        self._asking = asyncio.Semaphore(AT_ONCE)

    @serves("GET", "/login/oidc", Who.OPEN)
    async def begin(self, request: web.Request) -> web.Response:
        """GET /login/oidc?next=: leads to the provider's own page."""
        oidc = self._configured()
        leads_to = local_path(request.query.get("next", ""), self._login.prefix)
        if way := self._by_its_name(request, leads_to):
            return _see(way)
        try:
            page, begun = await oidc.begin(leads_to)
        except ProviderError as error:
            return self._away(leads_to, error)
        answer = _see(page)
        held = [name for name in _COOKIES if self._login.cookies.read(request, name)]
        free = [name for name in _COOKIES if name not in held] or [secrets.choice(_COOKIES)]
        self._login.cookies.put(answer, free[0], oidc.pack(begun), oidc.seconds)
        return answer

    @serves("GET", CALLBACK, Who.OPEN)
    async def end(self, request: web.Request) -> web.Response:
        """GET /login/oidc/callback: the provider leads back here; a session begins."""
        oidc, cookies = self._configured(), self._login.cookies
        under_way = {name: oidc.unpack(cookies.read(request, name)) for name in _COOKIES}
        state = request.query.get("state", "")
        cookie = next((name for name, one in under_way.items() if one and one.state == state), "")
        begun = under_way.get(cookie)
        leads_to = local_path(begun.leads_to if begun else "", self._login.prefix)
        answer: web.Response
        if self._asking.locked():
            words = "Many people log in at this moment. Try again in a second."
            return login_page(self._login, leads_to, problem=words, status=503, wait=1_000)
        try:
            async with self._asking:
                identity = await oidc.finish(request.query, begun)
            answer = _see(leads_to)
            name = await self._login.begin_by_sso(request, answer, identity, request.query["state"])
            self._audit.login(name, SSO, request.remote or "")
        except ProviderError as error:
            answer = self._away(leads_to, error)
        except LoginRefusedError as error:
            self._audit.refused_login("somebody", SSO, request.remote or "", why=str(error))
            words = f"Not logged in: {error}."
            answer = login_page(self._login, leads_to, problem=words, status=403)
        except StoreUnavailableError:
            words = "Redis is away, so nobody can log in now."
            answer = login_page(self._login, leads_to, problem=words, status=503, wait=1_000)
        if cookie:
            cookies.drop(answer, cookie)
        return answer

    @serves("GET", "/login/oidc/end", Who.OPEN)
    async def leave(self, _request: web.Request) -> web.Response:
        """GET /login/oidc/end: leads to where the provider ends its own session."""
        oidc = self._configured()
        leads_to = f"{self._login.prefix}/"
        try:
            place = (await oidc.provider.metadata()).end_session_endpoint
        except ProviderError as error:
            return self._away(leads_to, error)
        if not place:
            words = "The provider does not say where its own session ends: end it there."
            return login_page(self._login, leads_to, problem=words)
        back = f"{self._login.config.base_url}/login"
        query = urlencode({"client_id": oidc.config.client_id, "post_logout_redirect_uri": back})
        return _see(f"{place}{'&' if urlsplit(place).query else '?'}{query}")

    def _configured(self) -> "Oidc":
        if self._login.oidc is None:
            words = "There is no single sign-on here: web.login.oidc is not set.\n"
            raise web.HTTPNotFound(text=words)
        return self._login.oidc

    def _by_its_name(self, request: web.Request, leads_to: str) -> str:
        """Return the address under which the provider leads back, "" where it is asked there.

        A browser that came by another name (127.0.0.1 for localhost) would bring no cookie back.
        """
        base = self._login.config.base_url
        host = request.headers.get("Host", "").lower()
        if "named" in request.query or host == urlsplit(base).netloc.lower():
            return ""
        return f"{base}/login/oidc?named=1&next={quote(leads_to, safe='/')}"

    def _away(self, leads_to: str, error: ProviderError) -> web.Response:
        log.warning("single sign-on: %s", error)
        others = "; passwords work all the same" if self._login.has_passwords else ""
        words = f"The single sign-on does not work at the moment{others}: {error}."
        return login_page(self._login, leads_to, problem=words, status=503, wait=10_000)


def _see(place: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": place})
