"""The silences that hold in Alertmanager, listed: those made from incidents, and all others.

One peer of each cluster is asked, for they tell each other of silences.
"""

import asyncio
import os
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from aiohttp import ClientConnectorError, ClientError

from receiver.aio.spared import Spared
from receiver.alertmanager.client import AlertmanagerHttp, Peer, UnusableError, peers_by_cluster
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.errors import SilenceError
from receiver.secrets import hide
from routing.matcher import Matcher

TIMEOUT_S = 1.0
"""Of one peer: people wait for the page."""
FRESH_S = 3.0
MAX_BYTES = 32 << 20
SHOWN = 500
"""Silences of a cluster that are listed, those that end first."""
_MADE = re.compile(r"(?:.*\()?incident ([0-9]{1,4}-[0-9a-f]{16}-[0-9]{1,18})\)?", re.DOTALL)
"""The marker of those that were made from an incident (``actions.silencer``)."""


class _Part(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class _State(msgspec.Struct):
    state: str


class _Silence(msgspec.Struct, rename="camel"):
    id: str
    status: _State
    matchers: list[_Part]
    starts_at: Annotated[datetime, msgspec.Meta(tz=True)]
    ends_at: Annotated[datetime, msgspec.Meta(tz=True)]
    created_by: str = ""
    comment: str = ""


class Silence(NamedTuple):
    """A silence that holds, or will (``pending``); times in ms. ``incident``: it was made from."""

    id: str
    cluster: str
    state: str
    matchers: str
    starts: int
    ends: int
    by: str
    comment: str
    incident: str
    link: str


class Listed(NamedTuple):
    """What a cluster has: the silences that end first, how many there are, or why nobody knows."""

    cluster: str
    silences: list[Silence]
    total: int
    problem: str


class SilenceList:
    """Lists the silences of all configured Alertmanagers."""

    def __init__(self, configs: Iterable[AlertmanagerConfig]) -> None:
        self._peers = peers_by_cluster(configs)
        self._http = AlertmanagerHttp()
        self._spared = Spared(self._read)

    async def listed(self) -> list[Listed]:
        """Return those of each cluster, as they were a moment ago at the latest."""
        return await self._spared.get(FRESH_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _read(self) -> list[Listed]:
        return list(
            await asyncio.gather(*(self._of(name, peers) for name, peers in self._peers.items()))
        )

    async def _of(self, cluster: str, peers: list[Peer]) -> Listed:
        problems = []
        for peer in peers:
            try:
                raw = await self._ask(peer)
                return await asyncio.to_thread(_listed, cluster, peer.url, raw)
            except SilenceError as error:
                problems.append(hide(f"Alertmanager at {peer.url}: {error}"))
        return Listed(cluster, [], 0, "; ".join(problems))

    async def _ask(self, peer: Peer) -> bytes:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._http.ask(peer, "GET", "silences", most=MAX_BYTES)
        except TimeoutError:
            raise SilenceError(f"no answer within {TIMEOUT_S:g} s") from None
        except ClientConnectorError as error:
            number = error.os_error.errno
            raise SilenceError(os.strerror(number) if number else "no connection") from None
        except (ClientError, OSError, ValueError, UnusableError) as error:
            raise SilenceError(str(error) or type(error).__name__) from None
        if answer.status != 200:  # noqa: PLR2004 - the only status of a usable answer
            raise SilenceError(f"HTTP {answer.status}")
        return answer.body


_decode = msgspec.json.Decoder(list[_Silence]).decode


def _listed(cluster: str, url: str, raw: bytes) -> Listed:
    try:
        alive = [one for one in _decode(raw) if one.status.state != "expired"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SilenceError(f"its answer is not of API v2: {error}") from None
    alive.sort(key=lambda one: one.ends_at)
    return Listed(cluster, [_shown(cluster, url, one) for one in alive[:SHOWN]], len(alive), "")


def _shown(cluster: str, url: str, one: _Silence) -> Silence:
    made = _MADE.fullmatch(one.comment)
    return Silence(
        one.id,
        cluster,
        one.status.state,
        ", ".join(str(_matcher(part)) for part in one.matchers),
        round(one.starts_at.timestamp() * 1000),
        round(one.ends_at.timestamp() * 1000),
        one.created_by,
        one.comment,
        made[1] if made else "",
        f"{url}/#/silences/{one.id}",
    )


def _matcher(part: _Part) -> str:
    """Return a matcher as it is written; a pattern that is none here is shown all the same."""
    operator = {(True, False): "=", (False, False): "!=", (True, True): "=~"}.get(
        (part.is_equal, part.is_regex), "!~"
    )
    name = str(Matcher(part.name, "=", "")).removesuffix('=""')
    value = str(Matcher("a", "=", part.value)).removeprefix("a=")
    return f"{name}{operator}{value}"
