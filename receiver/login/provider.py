"""The provider of a single sign-on, as it describes itself: where its parts are, and its keys.

Both are asked for when they are needed, bounded in time and size, and kept for an hour. What is
known goes on while the provider does not answer. A key that is not known is asked for anew, so that
a provider may change its keys at any time; not for each token that somebody makes up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from receiver.http_client import HttpClient, TooLongError
from receiver.login.errors import ProviderError
from receiver.proxies import is_this_machine

log = logging.getLogger("login")

WITHIN_S = 5.0
MOST = 262_144
KEYS_MOST = 50
FRESH_S, STALE_S = 3_600.0, 86_400.0
AGAIN_S = 10.0
"""After a failure, and after a key that was not there, nobody is asked for so long."""
WELL_KNOWN = "/.well-known/openid-configuration"

NamedKey: TypeAlias = tuple[str | None, Key]
"""A key with the name that the provider gave it, None for none."""
T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True):
    """What is used of a discovery document (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def places(self) -> list[str]:
        """Return the addresses that are asked or led to."""
        more = (self.userinfo_endpoint, self.end_session_endpoint)
        given = [place for place in more if place]
        return [self.authorization_endpoint, self.token_endpoint, self.jwks_uri, *given]


class _Kept(msgspec.Struct):
    """Something that was asked for; times of ``time.monotonic``."""

    value: Any = None
    at: float = float("-inf")
    tried: float = float("-inf")
    why: str = ""


class Provider:
    """Asks a provider, and remembers what it said."""

    def __init__(self, issuer: str, now: Callable[[], float] = time.monotonic) -> None:
        """``now()`` in s."""
        self.issuer = issuer
        self._now = now
        self._http = HttpClient(timeout=WITHIN_S, connections=8)
        self._metadata, self._keys = _Kept(), _Kept()
        self._one = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Return how the provider describes itself. ProviderError."""
        found: Metadata = await self._known(self._metadata, self._discover, FRESH_S)
        return found

    async def keys(self, *, anew: bool = False) -> list[NamedKey]:
        """Return the keys it signs with. ProviderError.

        ``anew``: one was missing among those that were known.
        """
        fresh = AGAIN_S if anew else FRESH_S
        found: list[NamedKey] = await self._known(self._keys, self._fetch_keys, fresh)
        return found

    async def _known(self, kept: _Kept, ask: Callable[[], Awaitable[Any]], fresh: float) -> Any:
        async with self._one:
            now = self._now()
            if now - kept.at < fresh:
                return kept.value
            if now - kept.tried >= AGAIN_S:
                kept.tried = now
                try:
                    kept.value, kept.at = await ask(), self._now()
                except ProviderError as error:
                    kept.why = str(error)
            if now - kept.at < STALE_S:
                return kept.value
            raise ProviderError(kept.why)

    async def _discover(self) -> Metadata:
        raw = await self.ask("GET", self.issuer.rstrip("/") + WELL_KNOWN)
        found = _decoded(raw, Metadata)
        if found.issuer != self.issuer:
            raise ProviderError(
                f"it calls itself {found.issuer[:200]!r}, and web.login.oidc.issuer is another"
            )
        here = is_this_machine(urlsplit(self.issuer).hostname or "")
        for place in found.places:
            parts = urlsplit(place)
            if parts.scheme != "https" and not (here and is_this_machine(parts.hostname or "")):
                raise ProviderError(f"{place[:200]!r} is not reached by https")
        return found

    async def _fetch_keys(self) -> list[NamedKey]:
        raw = await self.ask("GET", (await self._discovered()).jwks_uri)
        found: list[NamedKey] = []
        for one in _decoded(raw, _Jwks).keys[:KEYS_MOST]:
            if one.get("use", "sig") != "sig":
                continue
            try:
                found += [(one.get("kid"), key) for key in KeySet.import_key_set({"keys": [one]})]
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # of a kind that is not known: another one may fit
        if not found:
            raise ProviderError("it shows no key that a signature could be checked with")
        return found

    async def _discovered(self) -> Metadata:
        """Return what is known of it, whoever holds the lock."""
        if self._metadata.value is None:
            self._metadata.value, self._metadata.at = await self._discover(), self._now()
        known: Metadata = self._metadata.value
        return known

    async def ask(self, method: str, url: str, **more: Any) -> bytes:
        """Return the body of an answer that is 200. ProviderError."""
        host = urlsplit(url).netloc
        try:
            answer = await self._http.ask(method, url, most=MOST, **more)
        except TooLongError as error:
            raise ProviderError(f"{host}: {error}") from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            log.warning("%s: %s", host, str(error) or type(error).__name__)
            raise ProviderError(f"{host} does not answer{_why(error)}") from None
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ProviderError(f"{host} answers HTTP {answer.status}{_error_of(answer.body)}")
        return answer.body

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _why(error: Exception) -> str:
    """Return why somebody does not answer, for people who cannot do anything about it."""
    if isinstance(error, TimeoutError):
        return f" within {WITHIN_S:.0f} s"
    known = isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror
    return f" ({known})" if known else ""


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderError(f"its answer cannot be read: {error}") from None


def _error_of(body: bytes) -> str:
    """Return the word of an answer that is an error (RFC 6749, section 5.2)."""
    try:
        found = msgspec.json.decode(body, type=Mapping[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    word = found.get("error")
    return f" ({word[:100]})" if isinstance(word, str) and word.isprintable() else ""
