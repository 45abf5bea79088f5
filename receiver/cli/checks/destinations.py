"""What the commands that look at a service have in common: one line a thing, and an exit code."""

import asyncio
from collections.abc import Awaitable, Callable

import click
import msgspec

from receiver.cli.client import print_json
from receiver.notify.notifier import Check
from receiver.text.visible import plain

_MARKS = {"ok": "ok     ", "warning": "warning", "missing": "MISSING"}


def run_checks(
    context: click.Context,
    output: str,
    look: Callable[[Callable[[Check], None]], Awaitable[None]],
) -> None:
    """Print what ``look`` reports, and exit: 1 when something is missing, else 0."""
    found: list[Check] = []

    def tell(one: Check) -> None:
        found.append(one)
        if output == "simple":
            words = f": {one.words}" if one.words else ""
            click.echo(plain(f"{_MARKS[one.state]}  {one.what}{words}"))

    async def run() -> None:
        await look(tell)

    asyncio.run(run())
    complete = all(one.state != "missing" for one in found)
    if output == "json":
        print_json({"complete": complete, "checks": [msgspec.to_builtins(one) for one in found]})
    elif complete:
        click.echo("nothing is missing")
    context.exit(0 if complete else 1)
