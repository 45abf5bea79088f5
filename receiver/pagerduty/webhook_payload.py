"""PagerDuty's webhooks v3: whether one is genuine, and what it tells, in our words.

Shapes: developer.pagerduty.com, "Webhooks", "Overview" and "Verifying signatures".
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from receiver.errors import PayloadError
from receiver.text.times import iso_ms
from routing.group import split_id
from routing.incident_parts import Actor

ACTIONS = {
    "incident.acknowledged": "acknowledged",
    "incident.unacknowledged": "unacknowledged",
    "incident.resolved": "resolved",
    "incident.reopened": "reopened",
    "incident.escalated": "escalated",
    "incident.reassigned": "reassigned",
    "incident.delegated": "reassigned",
    "incident.annotated": "noted",
    "incident.status_update_published": "noted",
    "incident.triggered": "triggered",
}
"""What an event type means to us; the many others change nothing here."""
NAME_MAX = 80
TEXT_MAX = 2_000
_INCIDENT_ID = re.compile(r"[A-Za-z0-9]{1,40}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}").fullmatch
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{1,80}").fullmatch


class Told(msgspec.Struct, frozen=True):
    """What one webhook says of one PagerDuty incident.

    ``id`` is the same in every copy of the event. ``what`` is one of the values of ``ACTIONS``, ""
    for an event that is none of our business, ``kind`` PagerDuty's word for it. ``at`` in ms.
    ``claims``: dedup_keys that it names, each with ``@<notifier>`` where it says that too.
    ``names``: who has the incident now. ``text``: a note.
    ``merged_into``: it ended because PagerDuty merged it into that incident.
    """

    id: str
    kind: str
    what: str = ""
    at: int = 0
    incident: str = ""
    actor: Actor = Actor(name="PagerDuty", via="pagerduty", human=False)
    claims: tuple[str, ...] = ()
    names: str = ""
    text: str = ""
    merged_into: str = ""


def is_signed(header: str, body: bytes, secrets: Sequence[bytes]) -> bool:
    """Return whether any signature of the header is that of the body under any of the secrets.

    ``header`` is ``v1=<hex>,v1=<hex>``: several while a secret is being replaced. The time taken
    tells neither which pair fits nor how nearly one did.
    """
    signatures = [
        part.strip()[3:].lower().encode("utf-8", "surrogateescape")
        for part in header.split(",")
        if part.strip().startswith("v1=")
    ]
    found = False
    for secret in secrets:
        wanted = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        for signature in signatures:
            found |= hmac.compare_digest(wanted, signature)
    return found


def split_key(key: str) -> tuple[str, int]:
    """Return (incident id, episode) of a dedup_key of ours; ValueError for any other text.

    The form is ``<incident id>:<episode>[:<page>]``, see ``notify.pagerduty_event.dedup_key``.
    """
    incident, *numbers = key.split(":")
    split_id(incident)
    if not 1 <= len(numbers) <= 2 or not all(_is_number(number) for number in numbers):  # noqa: PLR2004 - see above
        raise ValueError(f"not a dedup_key of ours: {key!r}")
    return incident, int(numbers[0])


def is_key(key: str) -> bool:
    """Return whether a text has the form of a dedup_key of ours."""
    try:
        split_key(key)
    except ValueError:
        return False
    return True


def _is_claim(text: str) -> bool:
    key, at, notifier = text.partition("@")
    return is_key(key) and (not at or _NAME(notifier) is not None)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15  # noqa: PLR2004 - far beyond any count


def read_event(body: bytes) -> Told:
    """Return what a webhook tells; PayloadError with the place for what is no event."""
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}") from None
    if not isinstance(payload, dict) or not isinstance(payload.get("event"), dict):
        raise PayloadError("expected an object", "$.event")
    event: dict[str, Any] = payload["event"]
    kind = event.get("event_type")
    if not isinstance(kind, str) or not kind:
        raise PayloadError("expected a text", "$.event.event_type")
    data = _dict(event.get("data"))
    what = ACTIONS.get(kind, "")
    if not what:
        return Told(id="", kind=_clean(kind, NAME_MAX))
    return Told(
        id=_event_id(event.get("id")),
        kind=kind,
        what=what,
        at=_moment(event.get("occurred_at")),
        incident=_incident(data),
        actor=_actor(_dict(event.get("agent"))),
        claims=tuple(_claims(event, data)),
        names=_names(data),
        text=_clean(str(data.get("content") or data.get("message") or ""), TEXT_MAX),
        merged_into=_merged_into(data),
    )


def _event_id(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise PayloadError("expected a text", "$.event.id")
    # It becomes part of a key name.
    return given if _EVENT_ID(given) else hashlib.sha256(given.encode()).hexdigest()


def _moment(given: Any) -> int:
    try:
        return iso_ms(given)
    except (TypeError, ValueError):
        raise PayloadError("expected an ISO 8601 time", "$.event.occurred_at") from None


def _incident(data: Mapping[str, Any]) -> str:
    """Return the id of the incident; notes and the like only refer to theirs."""
    place = "$.event.data.id"
    if data.get("type") != "incident":
        data, place = _dict(data.get("incident")), "$.event.data.incident.id"
    found = data.get("id")
    if not isinstance(found, str) or not _INCIDENT_ID(found):
        raise PayloadError("expected the id of an incident", place)
    return found


def _actor(agent: Mapping[str, Any]) -> Actor:
    """Return who did it: a user is a person; integrations, services and rules are not."""
    name = _clean(str(agent.get("summary") or ""), NAME_MAX) or "PagerDuty"
    human = agent.get("type") in ("user_reference", "user")
    identity = agent.get("id")
    known = isinstance(identity, str) and _INCIDENT_ID(identity)
    return Actor(name=name, via="pagerduty", id=str(identity) if known else "", human=human)


def _claims(event: Mapping[str, Any], data: Mapping[str, Any]) -> Iterable[str]:
    """Yield the dedup_keys of ours that an event names.

    ``incident_key`` is null on services that make alerts. ``client`` is what the trigger said of
    itself, and our triggers put dedup_key and notifier behind the # of the URL.
    """
    link = _dict(event.get("client")).get("url")
    for claim in (data.get("incident_key"), str(link or "").rpartition("#")[2]):
        if isinstance(claim, str) and _is_claim(claim):
            yield claim


def _names(data: Mapping[str, Any]) -> str:
    assignees = data.get("assignees")
    people = assignees if isinstance(assignees, list) else []
    names = [_clean(str(_dict(person).get("summary") or ""), NAME_MAX) for person in people[:10]]
    policy = _clean(str(_dict(data.get("escalation_policy")).get("summary") or ""), NAME_MAX)
    return ", ".join(name for name in names if name) or policy


def _merged_into(data: Mapping[str, Any]) -> str:
    reason = _dict(data.get("resolve_reason"))
    target = _dict(reason.get("incident")).get("id")
    if reason.get("type") != "merge_resolve_reason" or not isinstance(target, str):
        return ""
    return target if _INCIDENT_ID(target) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clean(text: str, limit: int) -> str:
    """Return text without control and format characters, on one line, at most ``limit`` long."""
    shown = "".join(char if char.isprintable() else " " for char in text[: limit * 4])
    return " ".join(shown.split())[:limit]
