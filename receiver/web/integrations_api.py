"""How the integrations do, as JSON, and the one plain form of event that they may send."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from receiver.actions.incident import read_json
from receiver.clock import Clock
from receiver.engine.floods import Floods, Quota, quota_of
from receiver.engine.notifier_health import Outage
from receiver.errors import PayloadError
from receiver.http.auth import Access
from receiver.http.parameters import check_parameters
from receiver.intake.hints import Hints
from receiver.notify.config import IntegrationConfig
from receiver.notify.notifier import Notifier
from receiver.notify.webhook import WebhookNotifier
from receiver.observability.metrics.integrations import Integrations
from receiver.text.times import rfc3339
from receiver.text.visible import clean_text
from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.fingerprint import MAX_LABEL, fingerprint_of

STATUSES = ("firing", "resolved")
LABELS_MAX = 50
TEXT_MAX = 2_000


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """``title``: what is wrong. ``id`` joins events of one trouble (default: the title).

    ``status`` firing or resolved; ``severity`` as an alert's label; ``value`` is what was measured.
    """

    title: str
    id: str = ""
    status: str = "firing"
    severity: str = "warning"
    description: str = ""
    value: float | None = None
    labels: dict[str, str] = {}


class IntegrationEndpoint:
    """``/v1/integrations/...``, ``/v1/metrics/...`` and ``/v1/health/circuit-breakers``."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        integrations: Integrations,
        configs: Mapping[str, IntegrationConfig],
        floods: Floods,
        shards: int,
        assignment: Callable[[], Assignment],
        access: Access,
        clock: Clock,
        notifiers: Mapping[str, Notifier],
        outages: Callable[[], Mapping[str, Outage]],
        caches: Mapping[str, Callable[[], dict[str, Any]]],
        hints: Hints,
    ) -> None:
        """``outages()`` are the notifiers that only fail; ``caches`` tell how full each is."""
        self._hints = hints
        self._caches = caches
        self._integrations = integrations
        self._configs = configs
        self._floods = floods
        self._shards = shards
        self._assignment = assignment
        self._access = access
        self._clock = clock
        self._notifiers = notifiers
        self._outages = outages

    async def event(self, request: web.Request) -> web.Response:
        """POST /v1/integrations/{name}/events: 202 once it is durable."""
        name = request.match_info["name"]
        config = self._configs.get(name)
        if config is None:
            # Which ones there are is for those who may send to some.
            self._access.check(request)
            known = ", ".join(self._configs) or "none"
            text = f"no integration {name!r} is configured (configured: {known})"
            return web.json_response({"error": text, "place": "name"}, status=404)
        quota = self._check(request, name, config)
        alert, key = _alert(read_json(EventBody, await request.read()), name)
        sender = Sender(
            cluster="",
            receiver=f"integration:{name}",
            group_key=key,
            group_labels={"integration": name},
        )
        events = self._assignment().assign((alert,), sender, self._shards)
        outcomes = await self._floods.commit(events, quota)
        await self._hints.note("other", {alert.labels["severity"]: 1}, events)
        incidents = [one.incident.id for one in outcomes if one.incident is not None]
        return web.json_response({"status": "accepted", "incidents": incidents}, status=202)

    def _check(self, request: web.Request, name: str, config: IntegrationConfig) -> Quota | None:
        """Return how many incidents whoever asks may open; HTTP 401."""
        if config.token is None:
            return quota_of(self._access.check(request))
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {config.token.get_secret_value()}".encode()):
            raise web.HTTPUnauthorized(
                text='{"error": "send the token of this integration as a bearer token"}\n',
                content_type="application/json",
            )
        return Quota(f"integration {name}", config.incidents_per_minute)

    async def all(self, request: web.Request) -> web.Response:
        """GET /v1/metrics/integrations: the figures of every integration."""
        self._access.check(request)
        check_parameters(request)
        return web.json_response({"integrations": self._integrations.shown()})

    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/metrics/integrations/{name}: the figures of one."""
        self._access.check(request)
        check_parameters(request)
        name = request.match_info["name"]
        found = self._integrations.get(name)
        if found is None:
            known = ", ".join(one["integration"] for one in self._integrations.shown())
            text = f"there is no integration {name!r} (there are: {known})"
            return web.json_response({"error": text, "place": "name"}, status=404)
        return web.json_response(found.shown())

    async def caches(self, request: web.Request) -> web.Response:
        """GET /v1/metrics/caches: how full each cache is, and how often it helps."""
        self._access.check(request)
        check_parameters(request)
        return web.json_response({"caches": {name: of() for name, of in self._caches.items()}})

    async def breakers(self, request: web.Request) -> web.Response:
        """GET /v1/health/circuit-breakers: of integrations; a notifier that only fails is open.

        Calls that page people are made whatever happened before, so that theirs holds nothing back.
        """
        self._access.check(request)
        check_parameters(request)
        outages, now = self._outages(), self._clock.now()
        shown = [
            _breaker(notifier, outages.get(name), now) for name, notifier in self._notifiers.items()
        ]
        return web.json_response({"circuit_breakers": shown})


def _breaker(notifier: Notifier, outage: Outage | None, now: int) -> dict[str, Any]:
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


def _alert(body: EventBody, name: str) -> tuple[Alert, str]:
    """Return the alert an event is, and the key of its group."""
    title = clean_text(body.title, MAX_LABEL).strip()
    if not title:
        raise PayloadError("is missing or empty", "title")
    if body.status not in STATUSES:
        raise PayloadError(f"is {body.status!r}; allowed: {', '.join(STATUSES)}", "status")
    if len(body.labels) > LABELS_MAX:
        raise PayloadError(f"has more than {LABELS_MAX} labels", "labels")
    labels = {
        clean_text(key, MAX_LABEL): clean_text(value, MAX_LABEL)
        for key, value in body.labels.items()
    }
    severity = clean_text(body.severity, MAX_LABEL)
    labels |= {"alertname": title, "severity": severity, "integration": name}
    key = clean_text(body.id, MAX_LABEL) or title
    annotations = {"description": clean_text(body.description, TEXT_MAX)}
    if body.value is not None:
        annotations["value"] = f"{body.value:g}"
    alert = Alert(
        # The id alone says what is the same trouble: its severity or title may change.
        fingerprint=fingerprint_of({"integration": name, "id": key}),
        labels=labels,
        annotations={name: text for name, text in annotations.items() if text},
        resolved=body.status == "resolved",
    )
    return alert, f"{name}:{key}"
