"""A strict OpenAI-compatible endpoint, and any other JSON service an enricher may ask."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.fakes.server import Call, FakeServer, Json


class FakeJson(FakeServer):
    """Answers each path with what `answers` has for it; `calls` is what was asked.

    A body of JSON is kept as it is, a form as its fields.
    """

    def __init__(self, clock: Callable[[], float], token: str = "") -> None:
        self.token = token
        self.answers: dict[str, Any] = {}
        self.calls: list[Call] = []
        super().__init__(clock)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/{path:.*}", self._handle)

    def state(self, *, brief: bool) -> Json:
        return {"calls": len(self.calls)}

    def reset(self) -> None:
        self.calls.clear()

    def rate_limited(self, retry_after: str | None) -> web.Response:
        return web.json_response({"error": {"message": "slow down"}}, status=429)

    def refused(self, name: str) -> web.Response:
        return web.Response(text=name, content_type="application/json")

    async def _handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        is_json = request.content_type == "application/json"
        args = json.loads(raw) if is_json else dict(await request.post())
        call = Call(request.path, self.clock(), args)
        self.calls.append(call)
        return await self.answer(request, call, lambda: self._apply(request))

    def _apply(self, request: web.Request) -> web.Response:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"message": "Incorrect API key"}}, status=401)
        if request.path not in self.answers:
            return web.json_response({"error": {"message": "no such path"}}, status=404)
        return web.json_response(self.answers[request.path])


def vector(*rows: tuple[dict[str, str], float]) -> Json:
    """Return the answer of Prometheus to an instant query."""
    result = [{"metric": labels, "value": [1_700_000_000.1, str(value)]} for labels, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def completion(text: str, prompt: int = 100, used: int = 20) -> Json:
    """Return the answer of a chat completion."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": used},
    }
