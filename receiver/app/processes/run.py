"""Runs the parent until a signal ends it."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import click

from receiver.app.processes.parent import Parent
from receiver.settings.model import Settings


async def run_parent(settings: Settings) -> None:
    """Return when all have stopped; IncidentManagerError when it cannot start."""
    parent = Parent(settings, ("-m", "receiver", *sys.argv[1:]))
    stop, hurry = asyncio.Event(), asyncio.Event()
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
    loop.add_signal_handler(signal.SIGHUP, lambda: work(parent.reload("SIGHUP")))
    loop.add_signal_handler(signal.SIGUSR2, lambda: work(parent.replace_all()))
    starting = asyncio.create_task(parent.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
    else:
        click.echo(starting.result(), err=True)
        await stop.wait()
    click.echo("Stopping: every process finishes what is under way ...", err=True)
    await parent.stop(hurry=hurry.is_set())
    click.echo("Stopped. Nothing was lost; start it again whenever you like.", err=True)
