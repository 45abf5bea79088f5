"""Tells systemd, or whatever started this process, how it is.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html: lines in a datagram to the
socket that the environment names. What cannot be told is told to nobody: it is no reason to fail.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVar

from receiver.errors import ConfigError

log = logging.getLogger("app")

_Answer = TypeVar("_Answer")


class Supervisor:
    """Who started this process and wants to know; nobody, where the environment names none."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Take what is meant for this process alone out of the environment."""
        address = environ.pop("NOTIFY_SOCKET", "")
        # "@": of the abstract name space, which has no file.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        meant = usec.isdecimal() and pid in ("", str(os.getpid()))
        self._pause = int(usec) / 2_000_000 if meant else 0.0
        self._serves = False

    def ready(self, words: str = "") -> None:
        """It answers, as it is configured now."""
        self._serves = True
        self._tell("READY=1", f"STATUS={words}")

    def stopping(self) -> None:
        """It takes nothing more, and finishes what is under way."""
        self._serves = False
        self._tell("STOPPING=1", "STATUS=Finishing what is under way")

    def reloading(
        self, work: Callable[[str], Awaitable[_Answer]]
    ) -> Callable[[str], Coroutine[Any, Any, _Answer]]:
        """Return what reloads, telling when that begins and ends."""

        async def told(by: str) -> _Answer:
            if not self._serves:
                return await work(by)
            # Later than the moment at which it was asked for, or that is taken as not heard.
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
            self._tell("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=Reading the configuration")
            words = ""
            try:
                return await work(by)
            except ConfigError:
                words = "The new configuration was not taken: see the log"
                raise
            finally:
                if self._serves:
                    self.ready(words)

        return told

    async def watch(self) -> None:
        """Say for ever that the event loop goes on, if that is asked for: who hangs does not."""
        while self._pause:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._pause)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.setblocking(False)
                one.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", lines[0], error)
