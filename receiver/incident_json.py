"""Incidents as the API shows them: times RFC 3339 UTC, absent times null."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from receiver import incident_shapes as shapes
from receiver.text.times import rfc3339
from routing.alert import Alert
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor, Entry, Publication, Unreached
from routing.receipt import Receipt
from routing.runbook import is_link

Shown = Callable[[str, Receipt], dict[str, Any]]
"""What a notifier, by its name, shows of a receipt."""


class Whole(msgspec.Struct, frozen=True):
    """An incident with its receipts and entries of its timeline, all of the same moment.

    ``first``: the number of the first entry in ``timeline``; ``entries``: how many there are in
    all. ``seen_at``: when a payload last spoke of it (ms).
    """

    incident: Incident
    receipts: Mapping[str, Receipt]
    timeline: tuple[Entry, ...]
    first: int
    entries: int
    seen_at: int


DAMAGED_ADVICE = (
    "Look at what it was about and tell the people concerned: this entry pages nobody any more."
    " What its alerts report next opens a new incident that pages. When it is dealt with,"
    " `incident-manager incidents forget ID` removes it with what was kept of its record."
)
"""For an incident whose record was put aside."""


def actor_json(actor: Actor | None) -> shapes.Actor | None:
    """Return who did it, and whether that counts as a person's doing."""
    named = _assignee(actor)
    return {**named, "human": actor.ends == "human"} if actor and named else None


def _assignee(actor: Actor | None) -> shapes.Assignee | None:
    return {"name": actor.name, "via": actor.via, "id": actor.id} if actor else None


def summary(incident: Incident) -> shapes.IncidentSummary:
    """Return what a list of incidents shows of one."""
    firing = sum(not alert.resolved for alert in incident.alerts.values())
    return {
        "id": incident.id,
        "state": incident.state,
        "priority": incident.priority,
        "priority_reason": incident.priority_reason,
        "title": incident.title,
        "severity": incident.severity,
        "labels": incident.group.labels,
        "team": incident.team,
        "runbook_url": incident.runbook_url or None,
        "opened_at": rfc3339(incident.opened_at),
        "episode": incident.episode,
        "episode_opened_at": rfc3339(incident.episode_opened_at),
        "acknowledged_at": rfc3339(incident.acknowledged_at),
        "acknowledged_by": actor_json(incident.acknowledged_by),
        "resolved_at": rfc3339(incident.resolved_at),
        "resolved_by": actor_json(incident.resolved_by),
        "deadlines": {
            name: {
                "due": rfc3339(deadline.due),
                "met_at": rfc3339(deadline.met_at),
                "missed_at": rfc3339(deadline.missed_at),
                "paused_at": rfc3339(deadline.paused_at),
            }
            for name, deadline in incident.deadlines.items()
        },
        "escalation_step": incident.step + 1,
        "kind": incident.kind,
        "assigned_to": _assignee(incident.assigned_to),
        "snoozed_until": rfc3339(incident.snoozed_until),
        "silences": [
            {
                "id": silence.id,
                "matchers": silence.matchers,
                "until": rfc3339(silence.until),
                "by": silence.by,
                "expired_at": rfc3339(silence.expired_at),
            }
            for silence in incident.silences
        ],
        "opened_by": actor_json(incident.opened_by),
        "published": _published(incident.published),
        "flapping": incident.flapping,
        "flapping_until": rfc3339(incident.timers.get("flap", 0)),
        "asked_priority": _asked(incident),
        "unreached": _unreached(incident.unreached),
        "stale_since": rfc3339(incident.stale_at),
        "damaged": _damage(incident),
        "merged_into": incident.merged_into or None,
        "merged": sorted(incident.parts),
        "firing": firing,
        "resolved": len(incident.alerts) - firing,
    }


def _asked(incident: Incident) -> str | None:
    """Return the priority alerts ask for while flapping or a person holds another; else null."""
    differs = incident.is_open and incident.asked not in ("", incident.priority)
    return incident.asked if differs else None


def _unreached(found: Unreached | None) -> shapes.Unreached | None:
    """Return that nobody could be told of an incident, and why; null: somebody was, or is to be."""
    if found is None or found.until:
        return None
    return {"since": rfc3339(found.since), "why": found.why, "exhausted": found.exhausted}


def _damage(incident: Incident) -> shapes.Damage | None:
    """Return what is wrong with the record, where it is kept and what to do; null: nothing."""
    damage = incident.damage
    if damage is None:
        return None
    return {
        "since": rfc3339(damage.at),
        "why": damage.why,
        "size_bytes": damage.size,
        "kept_in": damage.kept or None,
        "what_to_do": DAMAGED_ADVICE,
    }


def _published(published: Publication | None) -> shapes.Published | None:
    """Return what the status page says, and what was taken back; null: it says nothing."""
    if published is None:
        return None
    return {
        "title": published.title,
        "status": published.status,
        "components": published.components,
        "started_at": rfc3339(published.started_at),
        "resolved_at": rfc3339(published.resolved_at),
        "hidden": published.hidden,
        "updates": [
            {
                "number": number,
                "at": rfc3339(update.at),
                "status": update.status,
                "text": update.text,
                "by": update.by or None,
                "hidden": update.hidden,
            }
            for number, update in enumerate(published.updates, 1)
        ],
    }


def details(whole: Whole, shown_by: Shown) -> shapes.Incident:
    """Return everything there is to know of one incident."""
    incident, receipts = whole.incident, whole.receipts
    shown = incident.complete_alerts()
    return {
        **summary(incident),
        "version": incident.version,
        "group": {
            "cluster": incident.group.cluster,
            "receiver": incident.group.receiver,
            "group_key": incident.group.group_key,
            "route": incident.group.route,
        },
        "correlation_id": incident.correlation_id,
        "sent_by": incident.sent_by or None,
        "context": [
            {
                "enricher": found.enricher,
                "text": found.text,
                "url": found.url or None,
                "at": rfc3339(found.at),
                "points": list(found.points),
            }
            for found in incident.context
        ],
        "last_seen_at": rfc3339(whole.seen_at),
        "timers": {task: rfc3339(due) for task, due in incident.timers.items()},
        "alerts": [_alert(incident, alert) for alert in shown],
        "alerts_summarized": len(incident.alerts) - len(shown),
        "action_items": [
            {
                "number": item.number,
                "text": item.text,
                "owner": item.owner or None,
                "at": rfc3339(item.at),
                "by": item.by,
                "done_at": rfc3339(item.done_at),
                "done_by": item.done_by or None,
                "due_on": item.due_on or None,
            }
            for item in incident.action_items
        ],
        "timeline": entries(whole.timeline, whole.first),
        "timeline_total": whole.entries,
        "deliveries": [
            _told(incident, name, receipts.get(name, Receipt()), shown_by)
            for name in sorted(incident.pages.keys() | receipts.keys())
        ],
    }


def _alert(incident: Incident, alert: Alert) -> shapes.Alert:
    return {
        "fingerprint": alert.fingerprint,
        "status": "resolved" if alert.resolved else "firing",
        "suppressed": incident.suppressed.get(alert.fingerprint) == alert.starts_at,
        "suspected_echo": alert.fingerprint in incident.suspected,
        "vanished": incident.vanished.get(alert.fingerprint),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "source_group": alert.source_group or None,
        "starts_at": rfc3339(alert.starts_at),
        "ends_at": rfc3339(alert.ends_at),
        "generator_url": alert.generator_url if is_link(alert.generator_url) else None,
        "priority": alert.priority,
        "priority_reason": alert.priority_reason,
        "runbook_url": alert.runbook_url or None,
    }


def entries(timeline: Iterable[Entry], first: int = 1) -> list[shapes.TimelineEntry]:
    """Return timeline entries, numbered from ``first`` on."""
    return [
        {
            "number": number,
            "at": rfc3339(entry.at),
            "kind": entry.kind,
            "text": entry.text,
            "by": entry.by or None,
            "via": entry.via or None,
            "automatic": entry.automatic,
        }
        for number, entry in enumerate(timeline, first)
    ]


def delivery_state(incident: Incident, name: str, receipt: Receipt) -> shapes.DeliveryState:
    """Return what became of the newest page of one notifier, in a word or two."""
    page = incident.pages.get(name)
    wanted = page.seq if page else 0
    if page is not None and page.step == INFORMED and receipt.version:
        return "delivered" if receipt.version >= incident.version else "pending"
    if page is not None and receipt.paged_seq < wanted and not incident.wants(page):
        return "not needed"
    if receipt.paged_seq >= wanted:
        return "delivered"
    if receipt.failed_seq >= wanted:
        return "failed"
    return "retrying" if receipt.failures else "pending"


def _told(incident: Incident, name: str, receipt: Receipt, shown_by: Shown) -> shapes.Delivery:
    found: Any = _delivery(incident, name, receipt)
    told: shapes.Delivery = found | shown_by(name, receipt)
    return told


def _delivery(incident: Incident, name: str, receipt: Receipt) -> shapes.Delivery:
    page = incident.pages.get(name)
    wanted = page.seq if page else 0
    return {
        "notifier": name,
        "state": delivery_state(incident, name, receipt),
        "page": wanted,
        "paged": receipt.paged_seq,
        "mention": page.mention if page else "",
        "version": receipt.version,
        "delivered_at": rfc3339(receipt.delivered_at),
        "failures": receipt.failures,
        "last_error": receipt.last_error or None,
    }
