"""A system that is told of incidents: it takes complete JSON, with its token and a key."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.fakes.server import Call, FakeServer, Json

_KEY = re.compile(r"\d+-[0-9a-f]{16}-\d+:\d+")


class FakeIntegration(FakeServer):
    """Keeps what it was told by the key of the request: the same key twice is the same news."""

    def __init__(self, clock: Callable[[], float], token: str = "") -> None:
        self.token = token
        self.calls: list[Call] = []
        self.told: dict[str, Json] = {}
        self.tests: list[Json] = []
        self.takes_s = 0.0
        """How long each answer takes."""
        self.most_at_once = 0
        self._at_once = 0
        super().__init__(clock)

    @property
    def url(self) -> str:
        """The address to configure."""
        return f"{self.base_url}/hook"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hook", self._hook)

    def state(self, *, brief: bool) -> Json:
        return {"calls": len(self.calls), "told": len(self.told) if brief else self.told}

    def reset(self) -> None:
        self.calls.clear()
        self.told.clear()

    def rate_limited(self, retry_after: str | None) -> web.Response:
        headers = {"Retry-After": retry_after} if retry_after else {}
        return web.json_response({"error": "slow down"}, status=429, headers=headers)

    def refused(self, name: str) -> web.Response:
        return web.json_response({"error": name}, status=422)

    def last(self) -> Any:
        """Return what it knows by now: the incident of the highest version."""
        return max(self.told.values(), key=lambda body: body["incident"]["version"])["incident"]

    async def _hook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        call = Call("hook", self.clock(), {"headers": dict(request.headers)})
        self.calls.append(call)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.takes_s)
            return await self.answer(request, call, lambda: self._take(request, raw, call))
        finally:
            self._at_once -= 1

    def _take(self, request: web.Request, raw: bytes, call: Call) -> web.Response:
        wanted = f"Bearer {self.token}" if self.token else ""
        if request.headers.get("Authorization", "") != wanted:
            call.outcome = "error:token"
            return web.json_response({"error": "who are you?"}, status=401)
        key = request.headers.get("Idempotency-Key", "")
        body = json.loads(raw)
        if body.get("test") is True and set(body) == {"test", "text"} and key.startswith("test-"):
            self.tests.append(body)
            return web.json_response({})
        named = f"{body['incident']['id']}:{body['incident']['version']}"
        if request.content_type != "application/json" or not _KEY.fullmatch(key) or key != named:
            call.outcome = "error:request"
            return web.json_response({"error": f"content type or key {key!r}"}, status=400)
        call.outcome = "ok"
        self.told[key] = body
        return web.json_response({})
