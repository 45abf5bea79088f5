"""Webhooks at a pace, whatever is answered: a process of its own, loopback only, bounded.

``python -m benchmarks.flood PORT RATE SECONDS ALERTS GROUP CONNECTIONS`` sends groups never seen
before and prints JSON, see ``_Flood.found``. It shares the machine with the service, so it does
little: requests cut from one template, plain sockets, one epoll.

The loop is open: what is due is sent on any idle connection, however slow the answers are. When
none is idle it waits for one, which is counted; latencies are from when a request was due.
"""

import gc
import json
import select
import socket
import sys
import time
from collections import Counter, deque

from benchmarks.bodies import Template
from benchmarks.load import request_bytes

LATE_S = 0.1
"""Sent so much after it was due: then the pace is not what was asked for."""
ANSWERED_WITHIN_S = 30.0
TURN_S = 0.0005
BUFFER = 1 << 18
ENOUGH = 1 << 16


class _Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("due", "left", "received", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        # A whole request fits, so that it takes one call.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = self.sent = 0.0
        self.left = self.received = b""


class _Flood:
    """A flood to one port."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._epoll = select.epoll()
        self._all: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._statuses: Counter[str] = Counter()
        self._waits: dict[str, list[float]] = {}
        self._answers: list[float] = []
        """Seconds from sent to answered of what was refused."""
        self._sent = self._late = 0
        for _ in range(connections):
            self._open()

    def _open(self) -> None:
        one = _Connection(self._port)
        self._all[one.socket.fileno()] = one
        self._epoll.register(one.socket, select.EPOLLIN)
        self._idle.append(one)

    def run(self, template: Template, rate: int, seconds: int) -> dict[str, object]:
        """Send ``rate`` requests a second for so long; return what became of them."""
        began, number, total = time.perf_counter(), 0, rate * seconds
        end = began + seconds
        while (now := time.perf_counter()) < end:
            while number < total and self._idle and (due := began + number / rate) <= now:
                self._send(self._idle.popleft(), request_bytes(template.number(number)), due)
                number += 1
            pause = 0.0 if number < total and self._idle else TURN_S
            ahead = began + number / rate - now
            self._hear(max(pause, min(ahead, end - now), 0.0) if self._idle else TURN_S)
        while len(self._idle) < len(self._all) and time.perf_counter() < end + ANSWERED_WITHIN_S:
            self._hear(TURN_S)
        self._statuses["unanswered"] += len(self._all) - len(self._idle)
        return self._found(number, total)

    def _send(self, one: _Connection, request: bytes, due: float) -> None:
        one.due, one.sent = due, time.perf_counter()
        self._sent += 1
        self._late += one.sent - due > LATE_S
        self._write(one, request)

    def _write(self, one: _Connection, data: bytes) -> None:
        try:
            sent = one.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._broken(one)
            return
        one.left = data[sent:]
        if one.left:
            self._epoll.modify(one.socket, select.EPOLLIN | select.EPOLLOUT)

    def _hear(self, seconds: float) -> None:
        for number, events in self._epoll.poll(seconds):
            one = self._all[number]
            if events & select.EPOLLOUT:
                self._epoll.modify(one.socket, select.EPOLLIN)
                self._write(one, one.left)
            if events & ~select.EPOLLOUT and number in self._all:
                self._read(one)

    def _read(self, one: _Connection) -> None:
        try:
            data = one.socket.recv(ENOUGH)
        except OSError:
            data = b""
        if not data:
            self._broken(one)
            return
        one.received += data
        head, found, body = one.received.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().find(b"content-length:")
        if len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return
        one.received = b""
        self._note(one, head[9:12].decode())
        self._idle.append(one)

    def _note(self, one: _Connection, status: str) -> None:
        now = time.perf_counter()
        self._statuses[status] += 1
        self._waits.setdefault(status, []).append(now - one.due)
        if status == "503":
            self._answers.append(now - one.sent)
        one.due = 0.0

    def _broken(self, one: _Connection) -> None:
        """Count a request that got no answer; a connection closed while idle is only replaced."""
        if one in self._idle:
            self._idle.remove(one)
        else:
            self._statuses["broken"] += 1
        del self._all[one.socket.fileno()]
        one.socket.close()
        self._open()

    def _found(self, sent: int, total: int) -> dict[str, object]:
        return {
            "statuses": self._statuses,
            "due": total,
            "sent": sent,
            "late": self._late,
            "cpu": time.process_time(),
            "waits": {status: _percentiles(found) for status, found in self._waits.items()},
            "refused_after": _percentiles(self._answers),
        }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the median, the 99th percentile and the worst in ms."""
    ranked = sorted(seconds) or [0.0]
    places = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
    last = len(ranked) - 1
    return {name: ranked[min(last, int(len(ranked) * at))] * 1000 for name, at in places.items()}


def main() -> None:
    """Send a flood as the command line says."""
    gc.disable()
    port, rate, seconds, alerts = (int(word) for word in sys.argv[1:5])
    flood = _Flood(port, int(sys.argv[6]))
    print(json.dumps(flood.run(Template(sys.argv[5], alerts), rate, seconds)))


if __name__ == "__main__":
    main()
