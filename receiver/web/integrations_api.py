"""How the integrations, the caches and the circuit breakers do, as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from receiver.clock import Clock
from receiver.engine.notifier_health import Outage
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.notify.notifier import Notifier
from receiver.notify.webhook import WebhookNotifier
from receiver.observability.metrics.integrations import IntegrationFigures, Integrations
from receiver.problem import problem
from receiver.text.times import rfc3339
from receiver.web.answer_shapes import Breaker, BreakerList, CacheList, IntegrationList


class IntegrationEndpoint:
    """``/v1/metrics/...`` and ``/v1/health/circuit-breakers``."""

    def __init__(
        self,
        integrations: Callable[[], Awaitable[Integrations]],
        clock: Clock,
        notifiers: Mapping[str, Notifier],
        notifier_health: Callable[[], Mapping[str, Outage]],
        caches: Mapping[str, Callable[[], dict[str, Any]]],
    ) -> None:
        """``integrations()``: of all processes; ``notifier_health()``: notifiers that only fail.

        ``caches`` tell how full each is.
        """
        self._caches = caches
        self._integrations = integrations
        self._clock = clock
        self._notifiers = notifiers
        self._notifier_health = notifier_health

    @serves("GET", "/v1/metrics/integrations", Who.VIEWER, spec=Spec({200: IntegrationList}))
    async def all(self, _request: web.Request) -> web.Response:
        """GET /v1/metrics/integrations: the figures of every integration."""
        integrations = await self._integrations()
        return web.json_response({"integrations": integrations.shown()})

    @serves(
        "GET", "/v1/metrics/integrations/{name}", Who.VIEWER, spec=Spec({200: IntegrationFigures})
    )
    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/metrics/integrations/{name}: the figures of one."""
        name = request.match_info["name"]
        integrations = await self._integrations()
        found = integrations.get(name)
        if found is None:
            known = ", ".join(one["integration"] for one in integrations.shown())
            text = f"there is no integration {name!r} (available: {known})"
            return problem(404, text, place="name")
        return web.json_response(found.shown())

    @serves("GET", "/v1/metrics/caches", Who.VIEWER, spec=Spec({200: CacheList}))
    async def caches(self, _request: web.Request) -> web.Response:
        """GET /v1/metrics/caches: how full each cache is, and how often it helps."""
        return web.json_response({"caches": {name: of() for name, of in self._caches.items()}})

    @serves("GET", "/v1/health/circuit-breakers", Who.VIEWER, spec=Spec({200: BreakerList}))
    async def breakers(self, _request: web.Request) -> web.Response:
        """GET /v1/health/circuit-breakers: of integrations; a notifier that only fails is open.

        Calls that page people are made whatever happened before, so that theirs holds nothing back.
        """
        notifier_health, now = self._notifier_health(), self._clock.now()
        shown = [
            _breaker(notifier, notifier_health.get(name), now)
            for name, notifier in self._notifiers.items()
        ]
        return web.json_response({"circuit_breakers": shown})


def _breaker(notifier: Notifier, outage: Outage | None, now: int) -> Breaker:
    if isinstance(notifier, WebhookNotifier):
        state = notifier.breaker.state(now)
    else:
        state = "open" if outage else "closed"
    return {
        "name": notifier.name,
        "state": state,
        "since": rfc3339(outage.first) if outage else None,
        "problem": outage.problem if outage else None,
    }
