"""The checks of the command line, run."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from click.testing import CliRunner, Result

from receiver.cli.checks.finding import Finding
from receiver.cli.checks.source import Deadline, Source
from receiver.cli.root import main


async def run(*words: str) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, list(words))

    return await asyncio.to_thread(call)


async def checks(*words: str) -> tuple[int, dict[str, Any]]:
    """Run a command with JSON; return its exit code and the checks by name."""
    result = await run(*words, "-o", "json")
    body = json.loads(result.output)
    assert body["exit_code"] == result.exit_code
    return result.exit_code, {one["name"]: one for one in body["checks"]}


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[str]:
    """A server that answers everything with ``handler``; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def page(_request: web.Request) -> web.Response:
    return web.Response(text="<!DOCTYPE html><p>Sign in</p>", content_type="text/html")


async def hanging(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


def by_path(answers: Mapping[str, Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer a path with the JSON or the text that is here for it, or 404.

    A pair is a status and that; a function is asked with the request.
    """

    async def answer(request: web.Request) -> web.Response:
        found = answers.get(request.path, (404, {"error": "there is none"}))
        if callable(found):
            found = found(request)
        status, body = found if isinstance(found, tuple) else (200, found)
        if isinstance(body, str):
            return web.Response(text=body, status=status)
        return web.json_response(body, status=status)

    return answer


@asynccontextmanager
async def asked(
    answers: Mapping[str, Any], name: str = "the service", seconds: float = 30, token: str = ""
) -> AsyncIterator[Source]:
    """A source of a server that answers by path."""
    async with (
        answering(by_path(answers)) as url,
        Source(name, url, Deadline(seconds), token) as source,
    ):
        yield source


def by_name(found: list[Finding]) -> dict[str, Finding]:
    """Findings by their names."""
    return {one.name: one for one in found}
