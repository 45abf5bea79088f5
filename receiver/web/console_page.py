"""A page of the console beside the incidents: the frame that all share, filled off the loop."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.conditions import Condition
from receiver.http.routes import role_of
from receiver.roles import Role, may
from receiver.templates import assets_version, render
from receiver.text.times import rfc3339
from receiver.web.console_account import account_of
from receiver.web.console_view import problem
from receiver.web.page_headers import page_answer


class Pages:
    """Makes pages with what is wrong with the service, and whose they are."""

    def __init__(
        self, prefix: str, clock: Clock, problems: Callable[[], Awaitable[Iterable[Condition]]]
    ) -> None:
        """``prefix``: the path before every link, "" for none; ``problems()``: of the service."""
        self.prefix = prefix
        self._clock = clock
        self._problems = problems

    async def answer(
        self,
        request: web.Request,
        template: str,
        values: Mapping[str, Any],
        *,
        said: str = "",
        status: int = 200,
    ) -> web.Response:
        """Return a page filled with ``values``; ``said``: what became of the last button."""
        base = await self.frame(request, said)
        text = await read_off_the_loop(lambda: render(template, **base, **values))
        return page_answer(text, status=status)

    async def frame(self, request: web.Request, said: str) -> dict[str, Any]:
        """Return what every page shows around what it is about."""
        return {
            "prefix": self.prefix,
            "version": assets_version(),
            **account_of(request),
            "problems": [problem(found) for found in await self._problems()],
            "said": said,
            "responds": may(role_of(request), Role.RESPONDER),
            "now": rfc3339(self._clock.now()),
        }
