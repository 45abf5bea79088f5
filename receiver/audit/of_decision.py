"""What the audit trail tells of a decision."""

from receiver.observability.correlation import Caller
from receiver.store.audit.entry import DETAIL_MAX, TEXT_MAX, AuditEntry
from routing.decision import Decision
from routing.event import (
    AlertsReceived,
    DeliveryFailed,
    DeliveryNoted,
    DeliveryRecovered,
    Event,
    MergeNews,
    TimerDue,
)
from routing.incident_parts import Actor
from routing.person_event import Denied

ALERTS, OPEN = "alerts", "open"
"""Actions: alerts that changed something, and an incident that a person opened."""
SERVICE = "incident-manager"
"""Who does what nobody asked for at that moment: timers, and what follows from a delivery."""


def actor_of(event: Event) -> Actor | None:
    """Return the person, or the machine in a person's stead, that an event is from."""
    if isinstance(event, AlertsReceived):
        return event.by
    actor = getattr(event, "actor", None)
    return actor if isinstance(actor, Actor) else None


def action_of(event: Event) -> str:
    """Return what is done by an event, by its name in the API where a person does it."""
    if isinstance(event, AlertsReceived):
        return OPEN if event.by is not None else ALERTS
    if isinstance(event, TimerDue):
        return f"timer:{event.task}"
    return getattr(event, "action", "") or _ACTIONS.get(type(event), "")


def is_told(event: Event, decision: Decision) -> bool:
    """Return whether the trail tells of what came of an event, where it was stored."""
    if decision.incident is None:
        return False
    return decision.visible or decision.forget or actor_of(event) is not None


def entry_of(
    event: Event, decision: Decision, caller: Caller, correlation_id: str, now: int
) -> AuditEntry:
    """Return the entry of an event; ``caller``: who sent it, ``now`` in ms."""
    incident = decision.incident
    if type(event) is AlertsReceived and event.by is None and incident is not None:
        # All that a webhook adds to; what it names is short already.
        source = event.source
        name = caller.name or source
        return AuditEntry(
            now,
            ALERTS,
            decision.reason.value,
            name,
            source if name != source else "",
            "",
            caller.address,
            incident.id,
            incident.version,
            correlation_id or incident.correlation_id,
        )
    actor = actor_of(event)
    principal, via, credential, detail = _who(event, actor, caller)
    told = correlation_id or (incident.correlation_id if incident is not None else "")
    return AuditEntry(
        now,
        action_of(event)[:TEXT_MAX],
        decision.reason.value,
        principal[:TEXT_MAX],
        via[:TEXT_MAX],
        credential[:TEXT_MAX],
        caller.address,
        incident.id if incident is not None else "",
        incident.version if incident is not None and decision.changed else 0,
        told,
        detail[:DETAIL_MAX],
    )


def _who(event: Event, actor: Actor | None, caller: Caller) -> tuple[str, str, str, str]:
    """Return (principal, via, credential, detail)."""
    if actor is not None:
        shown = actor.id or caller.name
        detail = "" if actor.ends == "human" else "automatic"
        return actor.name, actor.via, shown if shown != actor.name else "", detail
    if isinstance(event, DeliveryFailed):
        return event.notifier, "notifier", "", event.reason
    if isinstance(event, DeliveryRecovered | DeliveryNoted):
        return event.notifier, "notifier", "", getattr(event, "text", "")
    if isinstance(event, MergeNews):
        return event.by.name if event.by else SERVICE, "merge", "", event.source
    return caller.name or SERVICE, "automatic", "", ""


_ACTIONS: dict[type, str] = {
    DeliveryFailed: "delivery-failed",
    DeliveryRecovered: "delivery-recovered",
    DeliveryNoted: "delivery-note",
    MergeNews: "merged-part",
    Denied: "denied",
}
