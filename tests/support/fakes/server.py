"""What the fakes have in common: a server, recorded calls, faults, and a control API.

The control API lets another process look and interfere, on the same port as the fake itself:
GET /_state (`?brief=1` for counts alone), POST /_faults (arguments of `Faults.add`),
DELETE /_faults, POST /_reset (forget everything recorded).
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.support.fakes.faults import Fault, Faults, caller_is_gone, reset_connection

Json = dict[str, Any]


@dataclass
class Call:
    """One request as it came in and what became of it.

    `at` is in seconds of the fake's clock. `outcome` is "ok", "error:NAME", "limited",
    "fault:KIND" where the call took no effect, or "ok, fault:KIND" where it did.
    """

    method: str
    at: float
    args: Json
    outcome: str = ""


class FakeServer:
    """Base of the fakes. Subclasses add routes and say how their vendor refuses a call."""

    base_path = ""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.faults = Faults()
        self.clock = clock
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self.app = self._build_app()

    @property
    def base_url(self) -> str:
        """The address to configure in the client under test."""
        return f"http://127.0.0.1:{self.port}{self.base_path}"

    @property
    def control_url(self) -> str:
        """The address below which the control API lives, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one. May be called again after `stop`."""
        if self.app.frozen:
            self.app = self._build_app()
        self._closing.clear()
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and let go of every held request. What was recorded stays."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # What a vendor defines.

    def add_routes(self, app: web.Application) -> None:
        raise NotImplementedError

    def state(self, *, brief: bool) -> Json:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    def rate_limited(self, retry_after: str | None) -> web.Response:
        raise NotImplementedError

    def refused(self, name: str) -> web.Response:
        raise NotImplementedError

    # What they share.

    async def answer(
        self, request: web.Request, call: Call, apply: Callable[[], web.Response]
    ) -> web.Response:
        """Apply the call and answer it, unless a waiting fault has it otherwise."""
        fault = self.faults.take(call.method)
        if fault is None:
            return apply()
        return await self._misbehave(fault, request, call, apply)

    async def _misbehave(
        self, fault: Fault, request: web.Request, call: Call, apply: Callable[[], web.Response]
    ) -> web.Response:
        kind = fault.kind
        call.outcome = f"fault:{kind}"
        if kind.endswith("_after"):
            response = apply()
            call.outcome += f", fault:{kind}"
            if kind == "answer_after":
                return _said(fault)
            if kind == "reset_after":
                reset_connection(request)
            else:
                await self._hold(fault.seconds)
            return response
        if kind == "hang":
            await self._hold(fault.seconds)
            if not (self._closing.is_set() or caller_is_gone(request)):
                return apply()
        elif kind == "reset_before":
            reset_connection(request)
        return self._failure(fault)

    def _failure(self, fault: Fault) -> web.Response:
        """Return the answer of a call that took no effect; where nobody listens, any will do."""
        match fault.kind:
            case "429":
                return self.rate_limited(fault.retry_after)
            case "500" | "503":
                return web.Response(status=int(fault.kind), text="upstream error")
            case "html":
                page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case "answer":
                return _said(fault)
            case "hang" | "reset_before":
                return web.Response(status=504)
            case _:
                return self.refused(fault.kind.removeprefix("error:"))

    async def _hold(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _build_app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/_state", self._get_state)
        app.router.add_post("/_faults", self._post_faults)
        app.router.add_delete("/_faults", self._delete_faults)
        app.router.add_post("/_reset", self._post_reset)
        self.add_routes(app)
        return app

    async def _get_state(self, request: web.Request) -> web.Response:
        brief = request.query.get("brief", "") not in ("", "0")
        return web.json_response(self.state(brief=brief))

    async def _post_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.add_from(dict(json.loads(await request.read())))
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"waiting": self.faults.waiting})

    async def _delete_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({"waiting": 0})

    async def _post_reset(self, request: web.Request) -> web.Response:
        self.faults.clear()
        self.reset()
        return web.json_response({})


def _said(fault: Fault) -> web.Response:
    said = fault.said
    return web.Response(status=said.status, text=said.body, content_type=said.content_type)
