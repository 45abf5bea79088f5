"""Silences in Alertmanager, through its API v2: made, found again, moved, and ended.

prometheus/alertmanager, api/v2/openapi.yaml: ``GET /silences``, ``POST /silences``,
``DELETE /silence/{id}``. Peers of a cluster tell each other of silences, so the first one that
answers is enough.

One question makes one silence. It carries a marker in its comment, and is looked for before it is
made; where nobody can know whether it was made (no answer, or half of one) no other peer is asked
to make it too. Two replicas of this service that are asked at the same moment may still make two:
Alertmanager has no word for "unless there is one".
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec
from aiohttp import ClientConnectorError, ClientError

from receiver.alertmanager.client import AlertmanagerHttp, Peer, UnusableError, peers_by_cluster
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.errors import NoAlertmanagerError, SilenceError
from routing.matcher import Matcher

log = logging.getLogger("alertmanager")

TIMEOUT_S = 2.0
"""Of one request. Looking and making are two, and a peer that is away costs one."""
MAX_BYTES = 32 << 20
"""Of one answer: some 60,000 silences, those of the last five days that ended among them."""
SAID_MAX = 300
SAME_MS = 60_000
"""Ends less apart are one question asked twice: ``for`` counts from when it is asked."""


class _AwayError(Exception):
    """One peer gave no answer. ``reached``: what was asked may have been done all the same."""

    def __init__(self, problem: str, *, reached: bool) -> None:
        super().__init__(problem)
        self.reached = reached


class Made(NamedTuple):
    """A silence as Alertmanager has it; ``until`` in ms."""

    id: str
    until: int


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """A matcher. isEqual is newer than the others, and true where it is left out."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class _State(msgspec.Struct):
    state: str


class _Known(msgspec.Struct, rename="camel"):
    id: str
    status: _State
    matchers: list[_Part]
    starts_at: Annotated[datetime, msgspec.Meta(tz=True)]
    ends_at: Annotated[datetime, msgspec.Meta(tz=True)]
    comment: str = ""

    @property
    def alive(self) -> bool:
        """Return whether it silences, or is about to."""
        return self.status.state != "expired"

    @property
    def until(self) -> int:
        return round(self.ends_at.timestamp() * 1000)


class _Wanted(msgspec.Struct, rename="camel", omit_defaults=True):
    """What ``POST /silences`` takes; with an ``id`` it moves the end of that silence."""

    matchers: list[_Part]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str = ""


class _Answer(msgspec.Struct):
    id: str = msgspec.field(name="silenceID")


_decode_silences = msgspec.json.Decoder(list[_Known]).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode


class Silences:
    """The silences of all configured Alertmanagers, by cluster."""

    def __init__(
        self, configs: Iterable[AlertmanagerConfig], *, timeout: float = TIMEOUT_S
    ) -> None:
        """``timeout``: seconds that one request may take."""
        self._peers = peers_by_cluster(configs)
        self._timeout = timeout
        self._http = AlertmanagerHttp()
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def create(  # noqa: PLR0913, PLR0917 - what a silence has
        self,
        cluster: str,
        matchers: Sequence[Matcher],
        now: int,
        until: int,
        by: str,
        comment: str,
        marker: str,
    ) -> Made:
        """Make a silence from ``now`` until ``until`` (ms); SilenceError when not.

        One in force with the same matchers and ``marker`` is that one, and its end is moved to
        what was asked last, unless that is about what it is already (``SAME_MS``).
        """
        peers = self._peers_of(cluster)
        wanted = _Wanted(
            matchers=[_part(matcher) for matcher in matchers],
            starts_at=_moment(now),
            ends_at=_moment(until),
            created_by=by,
            comment=f"{comment} ({marker})" if comment else marker,
        )
        # Two clicks at once would both look before either has made one.
        async with self._locks.setdefault((cluster, marker), asyncio.Lock()):
            return await self._make(peers, wanted, marker, until)

    async def expire(self, cluster: str, silence: str) -> bool:
        """End a silence; return False when it had ended already or nobody knows it any more.

        SilenceError when it cannot be ended.
        """
        problem = ""
        for peer in self._peers_of(cluster):
            try:
                found = [known for known in await self._list(peer) if known.id == silence]
                if any(known.alive for known in found):
                    path = f"silence/{quote(silence, safe='')}"
                    await self._ask(peer, "DELETE", path)
                    return True
                if found:
                    return False
            except _AwayError as error:
                problem = str(error)
        if problem:
            # Whoever does not answer may be the only one that knows it.
            raise SilenceError(f"Alertmanager cannot be reached: {problem}")
        return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _peers_of(self, cluster: str) -> list[Peer]:
        peers = self._peers.get(cluster)
        if peers:
            return peers
        named = f"cluster {cluster!r}" if cluster else "alerts without a cluster"
        entry = f"cluster: {cluster}, " if cluster else ""
        raise NoAlertmanagerError(
            f"no Alertmanager is configured for {named}; add it to the configuration, such as"
            f' alertmanagers: [{{{entry}urls: ["http://alertmanager:9093"]}}]'
        )

    async def _make(self, peers: list[Peer], wanted: _Wanted, marker: str, until: int) -> Made:
        problem, perhaps = "", False
        for peer in peers:
            try:
                known = _find(await self._list(peer), wanted, marker)
                if known is not None and abs(known.until - until) < SAME_MS:
                    return Made(known.id, known.until)
                if known is None and perhaps:
                    # It may not have been told yet of what the peer before it has made.
                    continue
                return Made(await self._post(peer, wanted, known), until)
            except _AwayError as error:
                problem = str(error)
                perhaps = perhaps or error.reached
        if perhaps:
            raise SilenceError(
                f"Alertmanager was asked for the silence, but did not say whether it made it"
                f" ({problem}); ask once more: it is not made twice"
            )
        raise SilenceError(f"Alertmanager cannot be reached: {problem}")

    async def _post(self, peer: Peer, wanted: _Wanted, known: _Known | None) -> str:
        if known is not None:
            # Only with its start and its matchers as they are it stays the same silence.
            wanted = msgspec.structs.replace(
                wanted, id=known.id, starts_at=known.starts_at, matchers=known.matchers
            )
        raw = await self._ask(peer, "POST", "silences", msgspec.json.encode(wanted))
        try:
            return _decode_answer(raw).id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _AwayError("its answer names no silence", reached=True) from None

    async def _list(self, peer: Peer) -> list[_Known]:
        raw = await self._ask(peer, "GET", "silences")
        try:
            # Thousands take long: not in the loop.
            return await asyncio.to_thread(_decode_silences, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise SilenceError(f"Alertmanager's answer is not of API v2: {error}") from None

    async def _ask(self, peer: Peer, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the answer of a peer; _AwayError when it gives none, SilenceError when it refuses.

        Only a POST can have done something nobody knows of that must not be done again.
        """
        reached = method == "POST"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._http.ask(peer, method, path, body=body, most=MAX_BYTES)
            if answer.status < 500:  # noqa: PLR2004 - HTTP
                return _accepted(answer.status, answer.body)
            problem = f"HTTP {answer.status}: {_words(answer.body)}".rstrip(": ")
        except TimeoutError:
            problem = f"no answer within {self._timeout:g} s"
        except ClientConnectorError as error:
            problem, reached = str(error), False
        except (ClientError, OSError, ValueError, UnusableError) as error:
            problem = str(error) or type(error).__name__
        log.warning("Alertmanager %s: %s", peer.url, problem)
        raise _AwayError(problem, reached=reached)


def _accepted(status: int, body: bytes) -> bytes:
    if status == 200:  # noqa: PLR2004 - the only status of a usable answer
        return body
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP
        raise SilenceError(
            f"Alertmanager redirects (HTTP {status}); redirects are not followed:"
            " alertmanagers.urls must be its own address"
        )
    said = f"Alertmanager refused (HTTP {status}): {_words(body)}"
    raise SilenceError(said.rstrip(": "))


def _find(silences: Iterable[_Known], wanted: _Wanted, marker: str) -> _Known | None:
    """Return the silence that was made of the same question before."""
    parts = set(wanted.matchers)
    for known in silences:
        # Not "in": an id may be the beginning of another.
        ours = known.comment == marker or known.comment.endswith(f"({marker})")
        if ours and known.alive and set(known.matchers) == parts:
            return known
    return None


def _words(raw: bytes) -> str:
    """Return what an Alertmanager said: a text, a JSON string, or ``{"code", "message"}``."""
    text = raw[: 4 * SAID_MAX].decode("utf-8", "replace")
    try:
        said: Any = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        said = text
    if isinstance(said, dict):
        said = said.get("message")
    shown = said if isinstance(said, str) else text
    clean = "".join(char if char.isprintable() else " " for char in shown)
    return " ".join(clean.split())[:SAID_MAX]


def _part(matcher: Matcher) -> _Part:
    return _Part(
        name=matcher.name,
        value=matcher.value,
        is_regex=matcher.operator.endswith("~"),
        is_equal=matcher.operator.startswith("="),
    )


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
