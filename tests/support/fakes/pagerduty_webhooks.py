"""The webhooks v3 of a fake PagerDuty: signed, at least once, sent again on 5xx.

Shapes: developer.pagerduty.com, "Webhooks", "Overview"; agents and clients as seen in real ones.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import ClientSession

from tests.support.fakes.server import Json

SECRET = "lDQHScfUeXUKaQRNF+8XwiDKZ7XX3itBAYzwU0TARw8"
TYPES = (
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.escalated",
    "incident.reassigned",
    "incident.delegated",
    "incident.annotated",
    "incident.status_update_published",
    "incident.priority_updated",
    "incident.responder.added",
    "service.updated",
    "pagey.ping",
)
_STATUS = {"acknowledged": "acknowledged", "resolved": "resolved"}

PERSON = "person"
INTEGRATION = "integration"
SERVICE = "service"
NOBODY = "nobody"


@dataclass
class Webhook:
    """One webhook as it is sent; a copy has the same headers."""

    body: bytes
    headers: dict[str, str]


def signature(body: bytes, *secrets: str) -> str:
    """Return the value of X-PagerDuty-Signature."""
    return ",".join(
        "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets
    )


class PdWebhooks:
    """A webhook subscription. `secrets` has two while one is being replaced."""

    def __init__(self, *secrets: str) -> None:
        self.secrets = secrets or (SECRET,)
        self._serials = itertools.count(1)

    def make(
        self,
        kind: str,
        incident: str = "Q1KD0TLXG4S1VO",
        *,
        by: str = PERSON,
        key: str | None = None,
        client_url: str = "",
        assignees: tuple[str, ...] = ("User 123",),
        text: str = "looking into it",
        merged_into: str = "",
        event_id: str = "",
        at: float | None = None,
    ) -> Webhook:
        """Return a signed webhook of type `kind`.

        `key` becomes data.incident_key (null without), `client_url` is what the trigger said of
        itself, `at` the time of the event in seconds since the epoch (default now).
        """
        moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        event: Json = {
            "id": event_id or f"01FFE2FY4SONSAOFX{next(self._serials):09d}",
            "event_type": kind,
            "resource_type": kind.partition(".")[0],
            "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "agent": _agent(by),
            "client": {"name": "LLM Incident Manager", "url": client_url} if client_url else None,
            "data": _data(kind, incident, key, assignees, text),
        }
        if merged_into:
            target = {"id": merged_into, "type": "incident_reference"}
            event["data"]["resolve_reason"] = {"type": "merge_resolve_reason", "incident": target}
        return self.sign(json.dumps({"event": event}).encode())

    def sign(self, body: bytes) -> Webhook:
        """Return a webhook with this body, whatever it is."""
        return Webhook(
            body,
            {
                "Content-Type": "application/json",
                "User-Agent": "PagerDuty-Webhook/V3.0",
                "X-PagerDuty-Signature": signature(body, *self.secrets),
                "X-Webhook-Id": str(uuid.uuid4()),
                "X-Webhook-Subscription": "PSUBSCR",
            },
        )


async def deliver(
    session: ClientSession, url: str, webhook: Webhook, *, copies: int = 1, attempts: int = 1
) -> list[int]:
    """Send `copies` at the same time, each again on 5xx; return the last status of each.

    PagerDuty tries for 48 hours; here it is `attempts` times, a moment apart.
    """

    async def send() -> int:
        status = 0
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(0.1)
            async with session.post(url, data=webhook.body, headers=webhook.headers) as answer:
                await answer.read()
                status = answer.status
            if status < 500:
                break
        return status

    return list(await asyncio.gather(*(send() for _ in range(copies))))


def _reference(kind: str, identity: str, summary: str) -> Json:
    where = f"{kind}s/{identity}"
    return {
        "id": identity,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{where}",
        "html_url": f"https://acme.pagerduty.com/{where}",
    }


def _agent(by: str) -> Json | None:
    match by:
        case "person":
            return _reference("user", "PLH1HKV", "Tenex Engineer")
        case "integration":
            return _reference("inbound_integration", "PXMQRWJ", "Events API V2")
        case "service":
            return _reference("service", "PF9KMXH", "API Service")
        case _:
            return None


def _data(kind: str, incident: str, key: str | None, assignees: tuple[str, ...], text: str) -> Json:
    if kind == "pagey.ping":
        return {"message": "Hello from your friend Pagey!", "type": "ping"}
    if kind == "service.updated":
        return {**_reference("service", "PF9KMXH", "API Service"), "type": "service", "teams": []}
    about = _reference("incident", incident, "HighErrorRate on checkout")
    if kind == "incident.annotated":
        note = {"id": "P2LA89X", "content": text, "trimmed": False, "type": "incident_note"}
        return {"incident": about, **note}
    if kind == "incident.status_update_published":
        update = {"id": "P2LA89X", "message": text, "trimmed": False}
        return {"incident": about, "type": "incident_status_update", **update}
    if kind == "incident.responder.added":
        user = _reference("user", "PVMGSML", "User 124")
        more = {"message": "please help", "state": "pending", "type": "incident_responder"}
        return {"incident": about, "user": user, "escalation_policy": None, **more}
    word = kind.rpartition(".")[2]
    return {
        "id": incident,
        "type": "incident",
        "self": about["self"],
        "html_url": about["html_url"],
        "number": 15,
        "status": _STATUS.get(word, "triggered"),
        "incident_key": key,
        "created_at": "2026-03-02T10:00:00Z",
        "title": "HighErrorRate on checkout",
        "service": _reference("service", "PF9KMXH", "API Service"),
        "assignees": [
            _reference("user", f"PUSER{number}", name) for number, name in enumerate(assignees)
        ],
        "escalation_policy": _reference("escalation_policy", "PUS0KTE", "Default"),
        "teams": [],
        "priority": None,
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
        "incident_type": {"name": "incident_default"},
    }
