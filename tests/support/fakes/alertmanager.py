"""An Alertmanager that keeps silences, and fails as a test tells it to."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

ID = "1e87ba91-d64b-4524-85ac-98454d3cf0db"

Behave = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeAlertmanager:
    """An Alertmanager: keeps silences, or answers as ``behave[method]`` says."""

    def __init__(self) -> None:
        self.silences: list[dict[str, Any]] = []
        self.behave: dict[str, Behave] = {}
        self.asked: list[str] = []
        self.headers: list[str | None] = []
        self.url = ""
        self._runner: web.AppRunner
        self._site: web.TCPSite

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def leave(self) -> None:
        """Take no more connections."""
        await self._site.stop()

    async def stop(self) -> None:
        await self._runner.cleanup()

    @property
    def posts(self) -> int:
        return self.asked.count("POST")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        self.headers.append(request.headers.get("Authorization"))
        if request.method in self.behave:
            return await self.behave[request.method](request)
        if request.method == "GET":
            assert request.path == "/api/v2/silences"
            return web.json_response(self.silences)
        if request.method == "DELETE":
            return self._end(request.path.removeprefix("/api/v2/silence/"))
        return web.json_response({"silenceID": self.keep(await request.json())})

    def keep(self, body: dict[str, Any]) -> str:
        name = body.get("id") or f"{len(self.silences)}{ID[1:]}"
        self.silences = [one for one in self.silences if one["id"] != name]
        self.silences.append(body | {"id": name, "status": {"state": "active"}})
        return str(name)

    def _end(self, name: str) -> web.Response:
        for one in self.silences:
            if one["id"] == name:
                one["status"] = {"state": "expired"}
                return web.Response()
        return web.json_response("silence not found", status=500)
