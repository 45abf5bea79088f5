"""How the service is: liveness, readiness, health for people, and metrics."""

import asyncio
import contextlib
import gzip
import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from aiohttp import web

from receiver.aio.spared import Spared
from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.engine.commit_health import CommitHealth
from receiver.engine.notifier_health import State
from receiver.errors import StoreUnavailableError
from receiver.http.asked.spec import TEXT, Media, Spec
from receiver.http.auth import Access
from receiver.http.routes import METRICS, Who, serves
from receiver.observability.metrics.accept import content_type_of
from receiver.observability.metrics.registry import Metrics
from receiver.observability.metrics.whole import Figures
from receiver.roles import Role
from receiver.store.daily_figures import FigureStore
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import TaskStore
from receiver.text.times import rfc3339
from receiver.web.answer_shapes import Health
from receiver.web.standing import Standing, together

FORMS_MAX = 8
"""Forms of the page that are made beside the plain one: a version is whatever a stranger says."""
FRESH_S = 0.5
"""How old a page of metrics may be. Prometheus asks every few seconds; strangers as they like."""


class Beside(NamedTuple):
    """What of a service is beside its store; ``number``: which of its processes this is."""

    components: Callable[[], dict[str, str]]
    notifiers: Callable[[], dict[str, State]]
    look: Callable[[], Awaitable[None]]
    """Brings those conditions up to date that are read from Redis."""
    number: int
    others: Callable[[], Awaitable[Sequence[Standing]]]
    """Asks the other processes of the service how they are."""
    whole: Callable[[Callable[[], Figures]], Awaitable[Figures | None]]
    """Returns the figures of all processes, None where this one is all there is."""
    security: Callable[[], Sequence[str]] = tuple
    """Returns in words which credentials are weak, open to others, or not used."""


EXPOSITION = Media(("text/plain", "application/openmetrics-text"))
"""What Prometheus reads, in the format that it asks for."""


class StatusEndpoint:
    """Everything that asks how the service is."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        store: IncidentStore,
        tasks: TaskStore,
        clock: Clock,
        metrics: Metrics,
        access: Access,
        conditions: Conditions,
        health: CommitHealth,
        figures: FigureStore,
        metrics_token: str,
        beside: Beside,
    ) -> None:
        self._beside = beside
        self._access = access
        self._health = health
        self._conditions = conditions
        self._figures = figures
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._metrics = metrics
        self.token = metrics_token
        self._looked = Spared(self._look_anew)
        self._pages: dict[str, Spared[tuple[bytes, bytes, bool]]] = {}
        self.fresh_s = FRESH_S
        self.stopping = False
        """True after SIGTERM: what comes is served, but should go elsewhere."""

    @serves("GET", "/-/healthy", Who.OPEN, spec=Spec({200: TEXT}, lenient=True))
    async def healthy(self, _request: web.Request) -> web.Response:
        """GET /-/healthy: the process answers."""
        return web.Response(text="healthy\n")

    @serves("GET", "/-/ready", Who.OPEN, spec=Spec({200: TEXT, 503: TEXT}, lenient=True))
    async def ready(self, request: web.Request) -> web.Response:
        """GET /-/ready: a commit like a webhook's just worked, and nothing else is in its way."""
        problem = self._problem(await self._health.check())
        if problem:
            why = f": {problem}" if self._access.knows(request) else ""
            return web.Response(status=503, text=f"not ready{why}\n")
        return web.Response(text="ready\n")

    @serves("GET", "/health", Who.OPEN, spec=Spec({200: Health, 503: Health}, lenient=True))
    async def health(self, request: web.Request) -> web.Response:
        """GET /health: the same for people and scripts, with what each part says.

        Where credentials are configured, whoever has none learns the status alone: problems name
        hosts and channels.
        """
        store = await self._health.check()
        await self._looked.get(0)
        problem = self._problem(store)
        whole = together(self._standing(store), await self._beside.others())
        found: Health = {
            "status": "unhealthy" if problem else "degraded" if whole.conditions else "ok"
        }
        if self._access.knows(request):
            found["problems"] = [
                {
                    "subject": item.subject,
                    "problem": item.problem,
                    "since": rfc3339(item.since),
                    "unready": item.unready,
                }
                for item in whole.conditions
            ]
            found["components"] = whole.components
            found["notifiers"] = whole.notifiers
            found["security"] = list(self._beside.security())
        return web.json_response(found, status=503 if problem else 200)

    async def standing(self) -> Standing:
        """Return how this process is, for another one that is asked."""
        store = await self._health.check()
        await self._looked.get(0)
        return self._standing(store)

    def _standing(self, store: str) -> Standing:
        components = {"redis": store or "ok", **self._beside.components()}
        conditions = self._conditions.present()
        return Standing(self._beside.number, conditions, components, self._notifiers())

    def _notifiers(self) -> dict[str, dict[str, str | None]]:
        """Return how each notifier does; one that fails makes nothing unhealthy but itself."""
        found: dict[str, dict[str, str | None]] = {}
        for name, state in self._beside.notifiers().items():
            found[name] = {"state": state.name}
            if state.outage is not None:
                since, problem = rfc3339(state.outage.first), state.outage.problem
                found[name] |= {"since": since, "problem": problem}
            elif state.words:
                found[name]["untried"] = state.words
        return found

    async def _look_anew(self) -> None:
        """Look at what is looked at now and then."""
        with contextlib.suppress(StoreUnavailableError):
            await self._beside.look()

    def _problem(self, store: str) -> str:
        return "stopping" if self.stopping else store or self._conditions.unready()

    @serves("GET", "/metrics", Who.SCRAPER, port=METRICS)
    async def metrics(self, request: web.Request) -> web.Response:
        """GET /metrics on its own port, which others need not reach."""
        if self.token and not self._is_scraper(request):
            raise web.HTTPUnauthorized(text="send web.metrics_token as a bearer token\n")
        return await self._page(request)

    @serves("GET", "/metrics", Who.SCRAPER, spec=Spec({200: EXPOSITION}, lenient=True))
    async def metrics_beside(self, request: web.Request) -> web.Response:
        """GET /metrics beside the API: where anything there is guarded, so is this."""
        if not self._is_scraper(request):
            self._access.check(request, Role.VIEWER)
            if self.token and self._access.open:
                raise web.HTTPUnauthorized(text="send web.metrics_token as a bearer token\n")
        return await self._page(request)

    def _is_scraper(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        wanted = f"Bearer {self.token}".encode()
        return bool(self.token) and hmac.compare_digest(given, wanted)

    async def _page(self, request: web.Request) -> web.Response:
        """Return the page, made and packed once for all who ask within a moment."""
        accept = request.headers.get("Accept", "")
        content_type = content_type_of(accept)
        if content_type not in self._pages and len(self._pages) >= FORMS_MAX:
            accept, content_type = "", content_type_of("")
        page = self._pages.setdefault(content_type, Spared(partial(self._made, accept)))
        plain, packed, up = await page.get(self.fresh_s)
        if up is not await self._is_up():
            # Of what tells whether alerts are taken, nobody is told what was.
            plain, packed, _ = await page.get(0)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if not _takes_gzip(request.headers.get("Accept-Encoding", "")):
            return web.Response(body=plain, headers=headers)
        return web.Response(body=packed, headers=headers | {"Content-Encoding": "gzip"})

    async def _is_up(self) -> bool:
        store = await self._health.check()
        return not (store or self._conditions.refuses(Subject.DURABILITY))

    async def _made(self, accept: str) -> tuple[bytes, bytes, bool]:
        """Make the page, plain and packed, and say whether Redis was up then.

        Gauges come from Redis, so that every replica says the same.
        """
        up = await self._measure()
        whole = await self._beside.whole(self._metrics.figures)
        # Some 5 ms at 3,000 lines: too long to keep webhooks waiting.
        return (*await asyncio.to_thread(self._rendered, accept, whole), up)

    async def figures(self) -> Figures:
        """Return the figures of this process, for another one that shows a page for all."""
        await self._measure()
        return await asyncio.to_thread(self._metrics.figures)

    async def _measure(self) -> bool:
        """Set the gauges, and return whether Redis was up then."""
        up = await self._is_up()
        self._metrics.set_redis_up(up=up)
        states = self._beside.notifiers().items()
        self._metrics.set_notifiers({name: state.outage is None for name, state in states})
        # A server without room for writes still tells what it has.
        with contextlib.suppress(StoreUnavailableError):
            await self._beside.look()
            self._metrics.set_active(await self._store.lists.active())
            self._metrics.response.set(await self._figures.totals())
            now = self._clock.now()
            waiting = await self._tasks.waiting(now)
            self._metrics.set_agenda(
                {lane: total for lane, (total, _) in waiting.items()},
                sum(due for _, due in waiting.values()),
                await self._tasks.delays(now),
            )
        self._metrics.set_conditions(item.subject for item in self._conditions.present())
        return up

    def _rendered(self, accept: str, whole: Figures | None) -> tuple[bytes, bytes]:
        body, _ = self._metrics.render(accept, whole)
        # The fastest level: 320 KB become 25 in half a millisecond.
        return body, gzip.compress(body, 1, mtime=0)


def _takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding names gzip, or everything, and does not refuse it."""
    given: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, options = part.partition(";")
        given[name.strip()] = re.fullmatch(r"q=0(\.0*)?", options.replace(" ", "")) is None
    return given.get("gzip", given.get("*", False))
