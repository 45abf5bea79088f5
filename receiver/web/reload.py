"""Reading the configuration anew, on request."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from receiver.errors import ConfigError
from receiver.http.auth import Access
from receiver.http.parameters import check_parameters
from receiver.observability.audit import note_reload


class ReloadEndpoint:
    """``/-/reload``."""

    def __init__(
        self, reload: Callable[[], Awaitable[tuple[list[str], tuple[str, ...]]]], access: Access
    ) -> None:
        """``reload()`` returns what needs a restart and what to warn of; ConfigError."""
        self._reload = reload
        self._access = access

    async def handle(self, request: web.Request) -> web.Response:
        """POST /-/reload: 200 when the new configuration holds, 400 with all that is wrong."""
        credential = self._access.check(request)
        check_parameters(request)
        by = credential.name if credential is not None else "somebody"
        try:
            later, warnings = await self._reload()
        except ConfigError as error:
            note_reload(by, problems=error.problems)
            words = "the configuration was not taken; the one before goes on"
            body = {"error": words, "problems": list(error.problems)}
            return web.json_response(body, status=400)
        note_reload(by, later=later, warnings=warnings)
        return web.json_response(
            {"result": "reloaded", "needs_restart": later, "warnings": list(warnings)}
        )
