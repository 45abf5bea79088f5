"""How an Alertmanager is asked over HTTP: as whom, and how much of its answer is read.

No redirect is followed: what is asked goes, with its credentials, to the configured address or
nowhere.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from receiver.alertmanager.config import AlertmanagerConfig
from receiver.http_client import authorization, proxy_of, read_at_most


class UnusableError(Exception):
    """An answer came and cannot be used; the text says why."""


class Peer:
    """One Alertmanager of a cluster, and how to reach it."""

    def __init__(self, url: str, config: AlertmanagerConfig) -> None:
        self.url = url
        self.proxy = proxy_of(url)
        self.warm_up = timedelta(milliseconds=config.warm_up)
        self.headers = {
            "Accept": "application/json",
            **authorization(config.token, config.username, config.password),
        }
        self.usable = True
        """Whether it could be asked last time, as far as somebody keeps count."""


class Answer(NamedTuple):
    """``body`` is complete; ``date`` is the time at the peer, ours where it does not say."""

    status: int
    body: bytes
    date: datetime


def peers_by_cluster(configs: Iterable[AlertmanagerConfig]) -> dict[str, list[Peer]]:
    """Return the peers of each cluster; several entries of one cluster are its peers."""
    found: dict[str, list[Peer]] = {}
    for config in configs:
        peers = found.setdefault(config.cluster, [])
        peers += [Peer(url, config) for url in config.urls]
    return found


class AlertmanagerHttp:
    """Connections to Alertmanagers, made when they are first needed."""

    def __init__(self, connections: int = 8) -> None:
        """``connections``: how many at once, to all peers together."""
        self._connections = connections
        self._session: ClientSession | None = None

    async def ask(
        self,
        peer: Peer,
        method: str,
        path: str,
        *,
        most: int,
        query: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answer:
        """Return the answer to a request of ``/api/v2/<path>``; ``body`` is JSON.

        UnusableError for one of more than ``most`` bytes; else what aiohttp raises. The caller
        sets how long it may take.
        """
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=self._connections),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=None),
            )
        kind = {"Content-Type": "application/json"} if body else {}
        async with self._session.request(
            method,
            f"{peer.url}/api/v2/{path}",
            params=query,
            data=body or None,
            headers=peer.headers | kind,
            allow_redirects=False,
            proxy=peer.proxy,
        ) as answer:
            read = await read_at_most(answer, most)
            if read is None:
                raise UnusableError(f"/api/v2/{path} answers more than {most} bytes")
            return Answer(answer.status, read, _date(answer.headers.get("Date", "")))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _date(text: str) -> datetime:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return datetime.now(UTC)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
