"""Reading the configuration anew, on request."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from receiver.errors import ConfigError
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, principal_of, serves
from receiver.problem import problem
from receiver.web.answer_shapes import Reloaded


class ReloadEndpoint:
    """``/-/reload``."""

    def __init__(
        self, reload: Callable[[str], Awaitable[tuple[Sequence[str], Sequence[str]]]]
    ) -> None:
        """``reload(by whom)`` returns what needs a restart and what to warn of; ConfigError."""
        self._reload = reload

    @serves("POST", "/-/reload", Who.ADMIN, spec=Spec({200: Reloaded}, problems=(400,)))
    async def handle(self, request: web.Request) -> web.Response:
        """POST /-/reload: 200 when the new configuration holds, 400 with all that is wrong."""
        credential = principal_of(request)
        by = credential.name if credential is not None else "somebody"
        try:
            later, warnings = await self._reload(by)
        except ConfigError as error:
            words = "the configuration was not taken; the one before goes on"
            return problem(400, words, problems=list(error.problems))
        return web.json_response(
            {"result": "reloaded", "needs_restart": list(later), "warnings": list(warnings)}
        )
