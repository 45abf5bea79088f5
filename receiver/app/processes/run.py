"""Runs the parent until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping
from typing import Any

import click

from receiver.aio.background import end
from receiver.app.processes.parent import Parent
from receiver.app.processes.supervisor import Supervisor
from receiver.errors import ConfigError
from receiver.settings.model import Settings


async def run_parent(
    settings: Settings, handed: Mapping[str, list[socket.socket]], supervisor: Supervisor
) -> None:
    """Return when all have stopped; IncidentManagerError when it cannot start.

    ``handed``: sockets that this process was given, ``supervisor``: by whom it was started.
    """
    parent = Parent(settings, ("-m", "receiver", *sys.argv[1:]), handed)
    stop, hurry = asyncio.Event(), asyncio.Event()
    watch: asyncio.Task[None] | None = None
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[object]] = set()

    def interrupted() -> None:
        hurry.set()
        stop.set()
        parent.hurry()

    def terminated() -> None:
        if stop.is_set():
            interrupted()
        stop.set()

    def work(coroutine: Coroutine[Any, Any, object]) -> None:
        task = loop.create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, terminated)
    loop.add_signal_handler(signal.SIGHUP, lambda: work(_reload(parent, supervisor)))
    loop.add_signal_handler(signal.SIGUSR2, lambda: work(parent.replace_all()))
    starting = asyncio.create_task(parent.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
    else:
        click.echo(starting.result(), err=True)
        supervisor.ready(f"{parent.wanted} processes answer")
        watch = loop.create_task(supervisor.watch())
        await stop.wait()
        supervisor.stopping()
    click.echo("Stopping: every process finishes what is under way ...", err=True)
    await parent.stop(hurry=hurry.is_set())
    await end([watch])
    click.echo("Stopped. Nothing was lost; start it again whenever you like.", err=True)


async def _reload(parent: Parent, supervisor: Supervisor) -> None:
    async def reloaded(by: str) -> None:
        problems, _, _ = await parent.reload(by)
        if problems:
            raise ConfigError(*problems)

    # What is wrong each process has logged.
    with contextlib.suppress(ConfigError):
        await supervisor.reloading(reloaded)("SIGHUP")
