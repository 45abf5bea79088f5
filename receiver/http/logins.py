"""What the guard asks of logins, and how whoever has none is led to one."""

import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, urlsplit

from aiohttp import web

from receiver.http.asked.forms import read_form
from receiver.http.principal import Person
from receiver.problem import CONTENT_TYPE, problem_text, refusal

FORM_TOKEN, TOKEN_HEADER = "csrf", "X-CSRF-Token"
LOG_OUT = "/logout"
NEXT_MAX = 2_000
"""Characters of the address that one comes back to."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Logins(Protocol):
    """Tells who asks, where people log in."""

    enabled: bool
    """Whether anybody can log in."""

    async def person(self, request: web.Request) -> Person | None:
        """Return who is logged in, None for nobody. StoreUnavailableError."""

    async def owner(self, request: web.Request) -> Person | None:
        """Return whose API token is shown, None for nobody's. StoreUnavailableError."""

    def needed(self, request: web.Request) -> web.HTTPException:
        """Return the way to a login, for whoever asks for a page."""


class LoginNeededError(web.HTTPUnauthorized):
    """A page is asked for, or something to be done, by nobody who is logged in.

    ``login``: the address that leads to a login and back.
    """

    def __init__(self, login: str) -> None:
        words = "not logged in, or no more: log in and do it again; nothing was done"
        super().__init__(
            headers={"WWW-Authenticate": 'Bearer realm="incident-manager"'},
            text=problem_text(401, words, login=login),
            content_type=CONTENT_TYPE,
        )
        self.login = login


def within(path: str, served_under: Iterable[str]) -> str:
    """Return a path as it would be without anything before the routes.

    ``served_under``: the paths before every route, the longest first.
    """
    found = (at for at in served_under if path == at or path.startswith(f"{at}/"))
    return path.removeprefix(next(found, ""))


def local_path(text: str, prefix: str) -> str:
    """Return an address that leads to a page of ours, the console for anything else.

    It comes from a URL: what leads to another site, or to what ends a session, is not followed.
    """
    start = f"{prefix}/"
    parts = text[len(prefix) :]
    known = text.startswith(start) and text.isprintable() and len(text) <= NEXT_MAX
    strange = parts.startswith(("//", "/\\", "/login", "/logout")) or "\\" in text
    return text if known and not strange else start


def login_needed(
    request: web.Request, prefix: str, served_under: Iterable[str]
) -> web.HTTPException:
    """Return the way to a login: a redirect where a page is opened, else words with the address.

    A script that looks for news is led nowhere: it loads the page anew for that.
    """
    opens = request.method in ("GET", "HEAD")
    if within(request.path, served_under) == LOG_OUT:
        # Whoever wants to be logged out is.
        return web.HTTPSeeOther(f"{prefix}/login?said=out")
    path = within(request.path_qs, served_under) if opens else _came_from(request, served_under)
    login = f"{prefix}/login?next={quote(local_path(prefix + path, prefix), safe='/')}"
    is_page = "text/html" in request.headers.get("Accept", "")
    if opens and is_page and request.headers.get("X-Requested-With") != "XMLHttpRequest":
        return web.HTTPSeeOther(login)
    return LoginNeededError(login)


def _came_from(request: web.Request, served_under: Iterable[str]) -> str:
    """Return the page that a form was on, as far as the browser says it."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    query = f"?{parts.query}" if parts.query else ""
    return within(parts.path, served_under) + query if parts.path else "/"


async def check_form_token(request: web.Request, person: Person) -> None:
    """Refuse what was not sent by a page of this session. HTTP 400, 403, 413."""
    given = request.headers.get(TOKEN_HEADER, "")
    if not given and request.content_type in _FORMS:
        given = (await read_form(request)).get(FORM_TOKEN, "")
    if not hmac.compare_digest(_unmasked(given), person.csrf.encode()):
        words = (
            "this was not sent by a page of your login: load the page again and repeat it; nothing"
            f" was done (programs send a token of web.credentials, or {TOKEN_HEADER})"
        )
        raise refusal(web.HTTPForbidden, words)


def masked(token: str) -> str:
    """Return a token as one page shows it: no two show the same.

    So the lengths of packed pages, which also show what was asked for, tell nothing of it.
    """
    pad = secrets.token_bytes(len(token))
    return urlsafe_b64encode(pad + _mixed(pad, token.encode())).decode()


def _unmasked(shown: str) -> bytes:
    """Return the token that a page showed, empty for what none has shown."""
    try:
        both = b64decode(shown.encode("ascii"), b"-_", validate=True)
    except ValueError:
        return b""
    half = len(both) // 2
    return _mixed(both[:half], both[half:]) if len(both) == 2 * half else b""


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
