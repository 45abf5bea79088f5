"""How the service is: liveness, readiness, health for people, metrics, and the runbooks."""

import asyncio
import hmac
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.metrics import Metrics
from receiver.outages import Outage
from receiver.present import rfc3339
from receiver.render import render
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import TaskStore

SKEW_LIMIT_MS = 7_500
"""A quarter of a lease: beyond it two replicas could both believe to hold one."""


class StatusEndpoint:
    """Everything that asks how the service is."""

    def __init__(
        self,
        store: IncidentStore,
        tasks: TaskStore,
        clock: Clock,
        metrics: Metrics,
        metrics_token: str = "",
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._metrics = metrics
        self._token = metrics_token
        self.components: Callable[[], dict[str, str]] = dict
        self.notifiers: Callable[[], dict[str, bool]] = dict
        self.outages: Callable[[], dict[str, Outage]] = dict

    async def healthy(self, _request: web.Request) -> web.Response:
        """GET /-/healthy: the process answers."""
        return web.Response(text="healthy\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """GET /-/ready: Redis answers a write, and the clock can be trusted with leases."""
        problem = await self._problem()
        if problem:
            return web.Response(status=503, text=f"not ready: {problem}\n")
        return web.Response(text="ready\n")

    async def health(self, _request: web.Request) -> web.Response:
        """GET /health: the same for people and scripts, with what each part says."""
        problem = await self._problem()
        parts = {"redis": problem or "ok", **self.components()}
        status = 503 if problem else 200
        return web.json_response(
            {
                "status": "unhealthy" if problem else "ok",
                "components": parts,
                "notifiers": self._notifiers(),
            },
            status=status,
        )

    def _notifiers(self) -> dict[str, Any]:
        """Return how each notifier does; one that fails makes nothing unhealthy but itself."""
        outages = self.outages()
        return {
            name: {"state": "ok"}
            if up or name not in outages
            else {
                "state": "failing",
                "since": rfc3339(outages[name].first),
                "problem": outages[name].problem,
            }
            for name, up in self.notifiers().items()
        }

    async def _problem(self) -> str:
        if abs(self._clock.skew) > SKEW_LIMIT_MS:
            return f"clock differs from Redis by {self._clock.skew} ms"
        try:
            await self._store.probe(self._clock.now())
        except StoreUnavailableError as error:
            self._metrics.set_redis_up(up=False)
            return str(error)
        self._metrics.set_redis_up(up=True)
        return ""

    async def metrics(self, request: web.Request) -> web.Response:
        """GET /metrics. Gauges come from Redis, so that every replica says the same."""
        if self._token and not hmac.compare_digest(
            request.headers.get("Authorization", "").encode("utf-8", "surrogateescape"),
            f"Bearer {self._token}".encode(),
        ):
            raise web.HTTPUnauthorized(text="send web.metrics_token as a bearer token\n")
        try:
            self._metrics.set_notifiers(self.notifiers())
            self._metrics.set_active(await self._store.active())
            self._metrics.set_storage(await self._store.used_bytes())
            now = self._clock.now()
            waiting = await self._tasks.waiting(now)
            self._metrics.set_agenda(
                {lane: total for lane, (total, _) in waiting.items()},
                sum(due for _, due in waiting.values()),
                await self._tasks.delays(now),
            )
            self._metrics.set_redis_up(up=True)
        except StoreUnavailableError:
            self._metrics.set_redis_up(up=False)
        # Rendering takes 20 ms at 2,000 series: too long to keep webhooks waiting.
        accept = request.headers.get("Accept", "")
        body, content_type = await asyncio.to_thread(self._metrics.render, accept)
        return web.Response(body=body, headers={"Content-Type": content_type})


class RunbookEndpoint:
    """Serves the catalogue of runbooks, by system and alert, else by alert alone."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            file.relative_to(folder).with_suffix("").as_posix(): file
            for file in sorted(folder.rglob("*.md"))
        }

    @property
    def catalogue(self) -> frozenset[str]:
        """Return ``system/alertname`` or ``alertname`` for every file."""
        return frozenset(self._files)

    @property
    def numbers(self) -> dict[str, int]:
        """Return how many runbooks there are of each system; "any" are those of no system."""
        return dict(Counter(name.rpartition("/")[0] or "any" for name in self._files))

    def file_of(self, name: str) -> Path | None:
        """Return the file of a runbook: by system and alert, else by alert alone."""
        return self._files.get(name) or self._files.get(name.rpartition("/")[2])

    async def show(self, request: web.Request) -> web.Response:
        """GET /runbooks/{name}: the Markdown text, readable as it is."""
        name = request.match_info["name"].removesuffix(".md")
        file = self.file_of(name)
        if file is None:
            raise web.HTTPNotFound(text=f"there is no runbook {name}\n")
        text = file.read_text(encoding="utf-8")
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=text, content_type="text/markdown")
        page = render("console/runbook.html.j2", name=name, text=text)
        return web.Response(text=page, content_type="text/html")
