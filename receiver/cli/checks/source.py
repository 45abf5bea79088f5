"""Asks a service over HTTP for a command: every way it can fail is one error in plain words.

All sources of a command share one deadline, so that one that hangs costs no more than that, and
hides nothing of what the others say. No redirect is followed: credentials go where they were meant.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from aiohttp import ClientError, InvalidURL

from receiver.cli.asking import AGENT, without_secrets
from receiver.cli.tls import tls_context
from receiver.errors import IncidentManagerError
from receiver.http_client import HttpClient, TooLongError

MOST_BYTES = 64 << 20
AT_ONCE = 6
"""Prometheus answers 20 queries at a time (``--query.max-concurrency``) and has others to serve."""
OTHER_FORM = (AttributeError, LookupError, TypeError, ValueError)
"""What reading JSON raises that is of another form than was expected."""
_OK, _REDIRECT, _WRONG = 200, 300, 400


class SourceError(IncidentManagerError):
    """A source gave nothing that can be used; the text says which, why, and what to do."""


class Answer(NamedTuple):
    """What came back; ``took`` in seconds."""

    status: int
    text: str
    took: float


class Deadline:
    """Until when all sources of one command have to answer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.at = asyncio.get_running_loop().time() + seconds


class Source:
    """One base URL, asked as whoever ``token`` is. ``name`` is what messages call it."""

    def __init__(self, name: str, url: str, deadline: Deadline, token: str = "") -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.shown = without_secrets(self.url)
        self._deadline = deadline
        self._headers = {"User-Agent": AGENT}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._client = HttpClient(timeout=None)
        self._tls = tls_context()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def get(self, path: str = "", params: Mapping[str, str] | None = None) -> Answer:
        """Return the answer, whatever its status; SourceError when there is none."""
        try:
            async with self._at_once, asyncio.timeout_at(self._deadline.at):
                return await self._get(path, params)
        except TimeoutError:
            words = (
                f"{self.name} at {self.shown} did not answer within {self._deadline.seconds:g} s"
            )
            raise SourceError(words) from None
        except InvalidURL:
            raise SourceError(f"{self.shown} is no address: write http://HOST:PORT") from None
        except (ClientError, OSError, ValueError) as error:
            raise SourceError(
                f"no answer from {self.name} at {self.shown}: is it running? ({_short(error)})"
            ) from None

    async def _get(self, path: str, params: Mapping[str, str] | None) -> Answer:
        started = time.perf_counter()
        try:
            answer = await self._client.ask(
                "GET",
                self.url + path,
                most=MOST_BYTES,
                params=params,
                headers=self._headers,
                ssl=self._tls or True,
            )
        except TooLongError:
            raise SourceError(
                f"{self.name} at {self.shown} answers over {MOST_BYTES} bytes"
            ) from None
        if _REDIRECT <= answer.status < _WRONG:
            to = without_secrets(answer.headers.get("Location", "elsewhere"))
            raise SourceError(f"{self.name} at {self.shown} redirects to {to}: give that URL")
        return Answer(answer.status, answer.body.decode(errors="replace"), _since(started))

    async def json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON of a 200; SourceError with the answer's own words for anything else."""
        answer = await self.get(path, params)
        body = self.parse(answer, path)
        if answer.status == _OK:
            return body
        raise SourceError(f"{self.name} answers {answer.status} to {path}: {_problem(body)}")

    def parse(self, answer: Answer, path: str) -> Any:
        """Return the JSON of an answer of any status; SourceError when it is something else."""
        try:
            return json.loads(answer.text)
        except ValueError:
            what = f"answers {answer.status} to {path} with {kind_of(answer.text)} instead of JSON"
            words = f"{self.name} at {self.shown} {what}: is this the right address?"
            raise SourceError(words) from None


def kind_of(text: str) -> str:
    """Return in words what an answer is that is not what was expected."""
    start = text.lstrip()[:80]
    if not start:
        return "nothing"
    if start.lower().startswith(("<!doctype", "<html", "<?xml")):
        return "a web page"
    first = " ".join(start.split())
    return f'"{first[:60]}"'


def _problem(body: Any) -> str:
    if isinstance(body, dict):
        # Ours, and Prometheus's and Alertmanager's.
        body = body.get("detail") or body.get("error") or body
    return str(body)[:200]


def _short(error: Exception) -> str:
    reason = getattr(error, "os_error", None) or error
    words = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
    return str(words)[:160]


def _since(started: float) -> float:
    return time.perf_counter() - started
