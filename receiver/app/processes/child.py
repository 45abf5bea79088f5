"""One child: a process of the service that the parent starts, hears, and ends."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from receiver.aio.messages import Messages
from receiver.app.processes.part import VARIABLE, Share


class Child:
    """A process. ``ready`` is set when it answers, ``ended`` when it is gone."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.welcome = ""
        self.problem = ""
        """Why it could not start, in its own words."""
        self.messages = Messages({"ready": self._is_ready, "failed": self._failed})
        self.since = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        """Its number as a process of the system."""
        return self._process.pid if self._process else 0

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode if self._process else None
        if self.problem:
            return self.problem
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    async def start(
        self,
        command: Sequence[str],
        of: int,
        sockets: Mapping[str, Sequence[socket.socket]],
        redis_url: str,
    ) -> None:
        """Start it; it inherits the sockets and its end of the channel, and nothing else."""
        ours, theirs = socket.socketpair()
        numbers = {name: [one.fileno() for one in held] for name, held in sockets.items()}
        share = Share(self.number, of, theirs.fileno(), numbers, redis_url, sys.argv[0])
        kept = (theirs.fileno(), *(number for held in numbers.values() for number in held))
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        # A group of its own: Ctrl-C in the terminal reaches the parent alone, which says what next.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env=os.environ | {VARIABLE: msgspec.json.encode(share).decode()},
            pass_fds=kept,
            process_group=0,
        )
        theirs.close()
        self._tasks = [
            loop.create_task(self.messages.run(ours)),
            loop.create_task(self._wait(self._process)),
        ]

    def signal(self, number: int) -> None:
        """Send it a signal; one that has ended gets none."""
        if self._process is not None and not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def starts(self) -> bool:
        """Wait until it answers; False: it ended before."""
        waits = [asyncio.create_task(event.wait()) for event in (self.ready, self.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        return self.ready.is_set() and not self.ended.is_set()

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        # What it said at its end may still be under way.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._tasks[0]), 1.0)
        await self.messages.close()
        self.ended.set()

    async def _is_ready(self, welcome: Any) -> None:
        self.welcome = str(welcome)
        self.ready.set()

    async def _failed(self, problem: Any) -> None:
        self.problem = str(problem)
