"""A service of several processes: who they are, and senders who count what became of each try."""

import asyncio
import os
import signal
import ssl
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, TCPConnector

from tests.support.notification import alert, notification
from tests.support.rig import Rig


def children(rig: Rig) -> list[int]:
    """Return the process ids of a service's children, its Valkey left out."""
    pids = Path(f"/proc/{rig.service.pid}/task/{rig.service.pid}/children").read_text().split()
    return [int(pid) for pid in pids if b"\0serve\0" in _command(int(pid))]


def is_alive(pid: int) -> bool:
    """Return whether a process exists, and is no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class Senders:
    """Send webhooks, each again until it is accepted; every one is a group of its own.

    Half of them keep their connection, as Alertmanager does, the others make one a webhook.
    """

    def __init__(
        self,
        url: str,
        number: int = 8,
        pause: float = 0.02,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.tries: Counter[str] = Counter()
        """How each try ended: ``refused``, ``lost`` (without an answer), or the status."""
        self.accepted: dict[str, str] = {}
        """Group -> incident."""
        self._url = f"{url}/v1/alerts/webhook"
        self._trust = trust
        self._stop = False
        self._pause = pause
        self._number = number
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._send(at)) for at in range(self._number)]

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def _send(self, sender: int) -> None:
        connector = TCPConnector(force_close=sender % 2 == 0, ssl=self._trust or True)
        async with ClientSession(connector=connector, timeout=ClientTimeout(30)) as session:
            count = 0
            while not self._stop:
                count += 1
                await self._deliver(session, f"s{sender}-{count}")
                await asyncio.sleep(self._pause)

    async def _deliver(self, session: ClientSession, group: str) -> None:
        body = notification(alert(group, labels={"severity": "critical"}), group=group)
        while True:
            outcome, answer = await self._try(session, body)
            self.tries[outcome] += 1
            if outcome == "202":
                self.accepted[group] = answer["incidents"][0]
                return
            await asyncio.sleep(0.05)

    async def _try(self, session: ClientSession, body: Any) -> tuple[str, Any]:
        try:
            async with session.post(self._url, json=body) as answer:
                return str(answer.status), await answer.json()
        except ClientConnectorError:
            return "refused", None
        except (ClientError, OSError, TimeoutError):
            return "lost", None


def kill(pid: int) -> None:
    """End a process as nothing may."""
    os.kill(pid, signal.SIGKILL)
