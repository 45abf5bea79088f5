"""How an Alertmanager is asked over HTTP: as whom, and how much of its answer is read.

No redirect is followed: what is asked goes, with its credentials, to the configured address or
nowhere.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from receiver.alertmanager.config import AlertmanagerConfig
from receiver.http_client import HttpClient, TooLongError, authorization
from receiver.proxies import proxy_of


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
        self._client = HttpClient(timeout=None, connections=connections)

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
        kind = {"Content-Type": "application/json"} if body else {}
        try:
            answer = await self._client.ask(
                method,
                f"{peer.url}/api/v2/{path}",
                most=most,
                params=query,
                data=body or None,
                headers=peer.headers | kind,
                proxy=peer.proxy,
            )
        except TooLongError:
            raise UnusableError(f"/api/v2/{path} answers more than {most} bytes") from None
        return Answer(answer.status, answer.body, _date(answer.headers.get("Date", "")))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _date(text: str) -> datetime:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return datetime.now(UTC)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
