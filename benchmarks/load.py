"""A lean HTTP load generator: keep-alive connections, every status and latency kept.

For loopback only, and bounded: it ends after a number of requests.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec


class Result(msgspec.Struct):
    """What a run measured; latencies in seconds, sorted."""

    statuses: Counter[int]
    latencies: list[float]
    seconds: float

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency (ms) that ``share`` of the requests stay below."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000

    @property
    def errors(self) -> int:
        """Return how many answers were not 202."""
        return sum(number for status, number in self.statuses.items() if status != 202)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[int] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found or self.answer is None or self.answer.done():
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) >= length:
            self._received = rest[length:]
            self.answer.set_result(int(head[9:12]))

    def connection_lost(self, _error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(0)

    async def send(self, request: bytes) -> int:
        """Send a request; return the status, 0 for a broken connection."""
        assert self.transport is not None
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


def request_bytes(body: bytes, path: str = "/v1/alerts/webhook") -> bytes:
    """Return a POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Alertmanager/0.28.0\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get_bytes(path: bytes) -> bytes:
    """Return a GET as bytes, of somebody with a browser."""
    return b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"


async def run_load(  # noqa: PLR0917 - what is sent, how fast, and how long
    port: int,
    bodies: Iterator[bytes],
    requests: int,
    connections: int,
    rate: float | None = None,
    made: Callable[[bytes], bytes] = request_bytes,
    enough: Callable[[], bool] = lambda: False,
) -> Result:
    """Send ``requests`` requests; with ``rate`` (a second) at that pace, else as fast as possible.

    ``made`` makes a request of each of ``bodies``: a POST of that body unless told otherwise.
    ``enough`` ends it before all are sent.

    With a pace, a latency counts from when the request should have gone out: a server that is
    late cannot hide it by being asked less.
    """
    loop = asyncio.get_running_loop()
    idle = [
        (await loop.create_connection(_Connection, "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    prepared = iter([made(next(bodies)) for _ in range(requests)]) if not rate else None
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    sent = 0
    started = time.perf_counter()

    async def work(connection: _Connection) -> None:
        nonlocal sent
        while sent < requests and not enough():
            due = started + sent / rate if rate else 0.0
            sent += 1
            request = next(prepared) if prepared else made(next(bodies))
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            begun = due or time.perf_counter()
            statuses[await connection.send(request)] += 1
            latencies.append(time.perf_counter() - begun)

    try:
        await asyncio.gather(*[work(connection) for connection in idle])
    finally:
        for connection in idle:
            assert connection.transport is not None
            connection.transport.close()
    seconds = time.perf_counter() - started
    latencies.sort()
    return Result(statuses, latencies, seconds)
