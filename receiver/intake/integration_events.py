"""The one plain form of event that integrations may send."""

import hmac
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from receiver.actions.row import read_json
from receiver.engine.floods import Floods, Quota, quota_of
from receiver.errors import PayloadError
from receiver.http.asked.spec import Spec
from receiver.http.auth import Access
from receiver.http.routes import Who, serves
from receiver.intake.answer_shapes import EventAccepted
from receiver.intake.hints import Hints
from receiver.notify.config import IntegrationConfig
from receiver.observability.correlation import Caller, caller
from receiver.problem import problem, refusal
from receiver.roles import Role
from receiver.text.visible import clean_text
from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.fingerprint import MAX_LABEL, fingerprint_of
from routing.group import Shards

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


class IntegrationEventEndpoint:
    """``/v1/integrations/{name}/events``."""

    def __init__(
        self,
        configs: Mapping[str, IntegrationConfig],
        floods: Floods,
        shards: Shards,
        assignment: Callable[[], Assignment],
        access: Access,
        hints: Hints,
    ) -> None:
        self.configs = configs
        self._floods = floods
        self._shards = shards
        self._assignment = assignment
        self._access = access
        self._hints = hints

    @serves(
        "POST",
        "/v1/integrations/{name}/events",
        Who.INTEGRATION,
        durable=True,
        spec=Spec({202: EventAccepted}, body=EventBody, needed=("title",), lenient=True),
    )
    async def event(self, request: web.Request) -> web.Response:
        """POST /v1/integrations/{name}/events: 202 once it is durable."""
        name = request.match_info["name"]
        config = self.configs.get(name)
        if config is None:
            # Which ones there are is for those who may send to some.
            self._access.check(request, Role.SENDER)
            known = ", ".join(self.configs) or "none"
            text = f"no integration {name!r} is configured (configured: {known})"
            return problem(404, text, place="name")
        quota = self._check(request, name, config)
        alert, key = _alert(read_json(EventBody, await request.read()), name)
        sender = Sender(
            cluster="",
            receiver=f"integration:{name}",
            group_key=key,
            group_labels={"integration": name},
            sent_by=str(Caller(f"integration {name}", caller.get().address)),
        )
        events = self._assignment().assign((alert,), sender, self._shards)
        outcomes = await self._floods.commit(events, quota)
        await self._hints.note("other", {alert.labels["severity"]: 1}, events)
        incidents = [one.incident.id for one in outcomes if one.incident is not None]
        return web.json_response({"status": "accepted", "incidents": incidents}, status=202)

    def _check(self, request: web.Request, name: str, config: IntegrationConfig) -> Quota | None:
        """Return how many incidents whoever asks may open; HTTP 401."""
        if config.token is None:
            return quota_of(self._access.check(request, Role.SENDER))
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {config.token.get_secret_value()}".encode()):
            words = "send the token of this integration as a bearer token"
            raise refusal(web.HTTPUnauthorized, words)
        return Quota(f"integration {name}", config.incidents_per_minute)


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
