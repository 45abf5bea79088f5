"""How enrichers ask: one JSON answer of bounded size in bounded time, from one address."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from receiver.enrichment.base import EnrichmentError
from receiver.http_client import read_at_most

ANSWER_MAX = 4 << 20
SAID_MAX = 200


class JsonClient:
    """Asks one service. No redirect is followed: credentials go where they belong or nowhere."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], *, timeout: float, connections: int = 8
    ) -> None:
        """``timeout``: seconds for the whole of one request."""
        self._base_url = base_url
        self._headers = dict(headers)
        self._timeout = timeout
        self._connections = connections
        self._session: ClientSession | None = None

    async def ask(
        self, method: str, path: str, *, form: Sequence[tuple[str, str]] = (), body: Any = None
    ) -> Any:
        """Return the decoded answer; EnrichmentError for anything but a 200 with JSON."""
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=self._connections),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=self._timeout),
            )
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                data=list(form) or None,
                json=body,
                headers=self._headers,
                allow_redirects=False,
            ) as answer:
                raw = await read_at_most(answer, ANSWER_MAX)
                if raw is None:
                    raise EnrichmentError(f"an answer of more than {ANSWER_MAX} bytes")
                if answer.status != 200:  # noqa: PLR2004 - HTTP
                    said = raw[:SAID_MAX].decode("utf-8", "replace")
                    shown = "".join(char if char.isprintable() else " " for char in said)
                    raise EnrichmentError(f"HTTP {answer.status}: {' '.join(shown.split())}")
                return msgspec.json.decode(raw)
        except TimeoutError:
            raise EnrichmentError(f"no answer within {self._timeout:g} s") from None
        except (ClientError, OSError) as error:
            raise EnrichmentError(str(error) or type(error).__name__) from None
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise EnrichmentError("the answer is no JSON") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
