"""How enrichers ask: one JSON answer of bounded size in bounded time, from one address."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import ClientError

from receiver.errors import EnrichmentError
from receiver.http_client import HttpClient, TooLongError

ANSWER_MAX = 4 << 20
SENT_MAX = 65_536
"""Bytes of a question: nobody asks anything sensible with more."""
MINUTE_S = 60.0
SAID_MAX = 200


class JsonClient:
    """Asks one service. No redirect is followed: credentials go where they belong or nowhere."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        connections: int = 8,
        per_minute: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout``: seconds for the whole of one request; ``per_minute``: 0 for any number."""
        self._per_minute = per_minute
        self._now = now
        self._asked: deque[float] = deque(maxlen=per_minute or None)
        self._base_url = base_url
        self._headers = dict(headers)
        self._timeout = timeout
        self._client = HttpClient(timeout=timeout, connections=connections)

    async def ask(
        self, method: str, path: str, *, form: Sequence[tuple[str, str]] = (), body: Any = None
    ) -> Any:
        """Return the decoded answer; EnrichmentError for anything but a 200 with JSON."""
        sent = b"" if body is None else msgspec.json.encode(body)
        self._allow(len(sent) + sum(len(name) + len(value) for name, value in form))
        try:
            answer = await self._client.ask(
                method,
                self._base_url + path,
                most=ANSWER_MAX,
                data=sent or list(form) or None,
                headers=self._headers | ({"Content-Type": "application/json"} if sent else {}),
            )
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                said = answer.body[:SAID_MAX].decode("utf-8", "replace")
                shown = "".join(char if char.isprintable() else " " for char in said)
                raise EnrichmentError(f"HTTP {answer.status}: {' '.join(shown.split())}")
            return msgspec.json.decode(answer.body)
        except TooLongError as error:
            raise EnrichmentError(str(error)) from None
        except TimeoutError:
            raise EnrichmentError(f"no answer within {self._timeout:g} s") from None
        except (ClientError, OSError) as error:
            raise EnrichmentError(str(error) or type(error).__name__) from None
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise EnrichmentError("the answer is no JSON") from None

    def _allow(self, size: int) -> None:
        if size > SENT_MAX:
            raise EnrichmentError(f"a question of {size} bytes is not asked (at most {SENT_MAX})")
        if not self._per_minute:
            return
        now = self._now()
        if len(self._asked) == self._per_minute and now - self._asked[0] < MINUTE_S:
            raise EnrichmentError(f"asked {self._per_minute} times within a minute: not asked now")
        self._asked.append(now)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
