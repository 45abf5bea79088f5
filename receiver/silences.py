"""Silences in Alertmanager, through its API v2: made, found again, and ended.

prometheus/alertmanager, api/v2/openapi.yaml: ``POST /silences``, ``GET /silences``,
``DELETE /silence/{id}``. Peers of a cluster tell each other of silences, so the first one that
answers is enough.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from receiver.alertmanager import authorization
from receiver.errors import IncidentManagerError
from receiver.settings import AlertmanagerConfig
from routing.matcher import Matcher

log = logging.getLogger("alertmanager")

TIMEOUT_S = 4.0
MAX_BYTES = 4 << 20
SAID_MAX = 300


class SilenceError(IncidentManagerError):
    """Nothing was silenced or ended; the text says why, for whoever asked."""


class _State(msgspec.Struct, frozen=True):
    state: str = ""


class _Known(msgspec.Struct):
    id: str
    comment: str = ""
    status: _State = _State()
    matchers: list[dict[str, Any]] = []


_decode_silences = msgspec.json.Decoder(list[_Known]).decode
_decode_made = msgspec.json.Decoder(dict[str, Any]).decode


class Silences:
    """The silences of all configured Alertmanagers, by cluster."""

    def __init__(self, configs: Iterable[AlertmanagerConfig]) -> None:
        self._peers: dict[str, list[tuple[str, dict[str, str]]]] = {}
        for config in configs:
            headers = {"Accept": "application/json", **authorization(config)}
            peers = self._peers.setdefault(config.cluster, [])
            peers += [(url, headers) for url in config.urls]
        self._session: ClientSession | None = None

    async def create(  # noqa: PLR0913, PLR0917 - what a silence has
        self,
        cluster: str,
        matchers: Sequence[Matcher],
        now: int,
        until: int,
        by: str,
        comment: str,
        marker: str,
    ) -> str:
        """Make a silence from ``now`` until ``until`` (ms); return its id.

        A silence in force with the same matchers and ``marker`` in its comment is that one: what
        was asked twice, or whose outcome was unknown, is made once. SilenceError when not.
        """
        shape = [_matcher(matcher) for matcher in matchers]
        known = await self._find(cluster, shape, marker)
        if known:
            return known
        body = {
            "matchers": shape,
            "startsAt": _time(now),
            "endsAt": _time(until),
            "createdBy": by,
            "comment": f"{comment} ({marker})" if comment else marker,
        }
        raw = await self._ask(cluster, "POST", "silences", body)
        try:
            made = _decode_made(raw).get("silenceID")
        except msgspec.MsgspecError:
            made = None
        if not isinstance(made, str) or not made:
            raise SilenceError("Alertmanager answered without the id of the silence")
        return made

    async def expire(self, cluster: str, silence: str) -> None:
        """End a silence; SilenceError when it is not known or cannot be reached."""
        await self._ask(cluster, "DELETE", f"silence/{quote(silence, safe='')}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _find(self, cluster: str, shape: list[dict[str, Any]], marker: str) -> str:
        raw = await self._ask(cluster, "GET", "silences")
        try:
            found = _decode_silences(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise SilenceError(f"Alertmanager's answer is not of API v2: {error}") from None
        wanted = _set(shape)
        for known in found:
            alive = known.status.state in ("active", "pending")
            if alive and marker in known.comment and _set(known.matchers) == wanted:
                return known.id
        return ""

    async def _ask(self, cluster: str, method: str, path: str, body: Any = None) -> bytes:
        """Return the answer of the first peer that gives one."""
        peers = self._peers.get(cluster)
        if not peers:
            named = f"cluster {cluster!r}" if cluster else "these alerts"
            raise SilenceError(
                f"no Alertmanager is configured for {named}: add its URL to `alertmanagers`"
            )
        problem = ""
        for url, headers in peers:
            try:
                return await self._call(f"{url}/api/v2/{path}", headers, method, body)
            except TimeoutError:
                problem = f"no answer within {TIMEOUT_S:g} s"
            except (ClientError, OSError) as error:
                problem = str(error) or type(error).__name__
            log.warning("Alertmanager %s: %s", url, problem)
        raise SilenceError(f"Alertmanager cannot be reached: {problem}")

    async def _call(self, url: str, headers: dict[str, str], method: str, body: Any) -> bytes:
        if self._session is None:
            self._session = ClientSession(
                timeout=ClientTimeout(total=TIMEOUT_S), cookie_jar=DummyCookieJar(), trust_env=True
            )
        async with self._session.request(
            method, url, json=body, headers=headers, allow_redirects=False
        ) as answer:
            raw = await answer.content.read(MAX_BYTES)
            if answer.status >= 500:  # noqa: PLR2004 - HTTP
                raise ClientError(f"HTTP {answer.status}")
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                raise SilenceError(f"Alertmanager refused (HTTP {answer.status}): {_words(raw)}")
            return raw


def _words(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip().strip('"')
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:SAID_MAX]


def _matcher(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.operator.endswith("~"),
        "isEqual": matcher.operator.startswith("="),
    }


def _set(shape: list[dict[str, Any]]) -> set[tuple[str, str, bool, bool]]:
    # isEqual is newer than the others, and true where it is left out.
    return {
        (
            str(one.get("name")),
            str(one.get("value")),
            bool(one.get("isRegex")),
            bool(one.get("isEqual", True)),
        )
        for one in shape
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
