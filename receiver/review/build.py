"""The post-incident review: what the record, the timeline and the receipts say of what happened.

Pure. Every form of the review (page, Markdown, JSON, window) is made of the facts this returns.
"""

from collections.abc import Mapping, Sequence

from receiver.incident_json import delivery_state
from receiver.review.episodes import episodes_of
from receiver.review.model import (
    AlertFact,
    Delivery,
    Document,
    Episode,
    Impact,
    Item,
    Line,
    Other,
    Person,
    Priority,
    Review,
    SilenceFact,
    Version,
)
from routing.incident import Incident, describe
from routing.incident_parts import Entry
from routing.receipt import Receipt
from routing.review_sections import ReviewVersion, text_of, versions_of
from routing.vocabulary import Kind

TRIED = frozenset(
    {
        Kind.ACKNOWLEDGED,
        Kind.UNACKNOWLEDGED,
        Kind.RESOLVED,
        Kind.REOPENED,
        Kind.SNOOZED,
        Kind.ASSIGNED,
        Kind.ESCALATED_BY,
        Kind.NOTE,
        Kind.PRIORITY_RAISED,
        Kind.PRIORITY_SET,
        Kind.SILENCED,
        Kind.SILENCE_EXPIRED,
        Kind.MERGED,
        Kind.MERGED_IN,
    }
)
"""What people do about an incident, as kinds of timeline entries."""
_ESCALATION = frozenset(
    {
        Kind.PAGED,
        Kind.ESCALATED,
        Kind.ESCALATED_BY,
        Kind.HELD,
        Kind.REMINDED,
        Kind.EXHAUSTED,
        Kind.UNDELIVERABLE,
        Kind.REACHED,
        Kind.DELIVERY_RECOVERED,
        Kind.DELIVERY_FAILED,
        Kind.DELIVERY_LATE,
        Kind.DELIVERY_NOTE,
        Kind.DEADLINE_MISSED,
    }
)
_AFFECTED = ("cluster", "system", "namespace", "service", "job")
_NAMES_SHOWN = 10
_WHY: Mapping[str, str] = {
    Kind.OPENED: "as opened",
    Kind.REOPENED: "as opened again",
    Kind.RESOLVED: "its most urgent alert",
}


def review_of(
    incident: Incident,
    timeline: Sequence[Entry],
    receipts: Mapping[str, Receipt],
    now: int,
    earlier: Sequence[Incident] = (),
) -> Review:
    """Return the review of an incident at ``now`` (ms); ``earlier`` ones of its group."""
    lines = tuple(_line(number, entry) for number, entry in enumerate(timeline, 1))
    episodes = episodes_of(incident, timeline, now)
    versions = versions_of(timeline)
    people = [pair for pair in zip(timeline, lines, strict=True) if _is_of_person(pair[0])]
    return Review(
        id=incident.id,
        title=incident.title,
        state=incident.state,
        is_open=incident.is_open,
        priority=incident.priority,
        priority_reason=incident.priority_reason,
        severity=incident.severity,
        kind=incident.kind,
        team=incident.team,
        runbook_url=incident.runbook_url,
        labels=incident.group.labels,
        made_at=now,
        opened_at=incident.opened_at,
        ended_at=episodes[-1].ended_at if episodes else 0,
        opened_by=incident.opened_by.principal if incident.opened_by else "",
        assigned_to=incident.assigned_to.name if incident.assigned_to else "",
        merged_into=incident.merged_into,
        to_detect=_to_detect(incident),
        mtta=_mean([each.to_acknowledge for each in episodes]),
        mttr=_mean([each.to_resolve for each in episodes]),
        impact=_impact(incident, timeline, episodes),
        episodes=episodes,
        priorities=_priorities(incident, timeline),
        people=_people([line for _, line in people]),
        tried=tuple(line for entry, line in people if entry.kind in TRIED),
        escalation=tuple(line for line in lines if line.kind in _ESCALATION),
        deliveries=_deliveries(incident, receipts),
        alerts=_alerts(incident),
        silences=tuple(
            SilenceFact(known.matchers, known.by, known.until, known.expired_at)
            for known in incident.silences
        ),
        merged=tuple(
            Other(name, part.priority, part.title) for name, part in incident.parts.items()
        ),
        earlier=tuple(
            Other(one.id, one.priority, one.title, one.opened_at, one.resolved_at)
            for one in earlier
        ),
        document=document_of(incident, versions),
        versions=tuple(
            Version(one.number, one.at, one.by, tuple(one.sections)) for one in versions
        ),
        action_items=tuple(
            Item(
                one.number,
                one.text,
                one.owner,
                one.at,
                one.by,
                one.done_at,
                one.done_by,
                one.due_on,
            )
            for one in incident.action_items
        ),
        timeline=lines,
    )


def document_of(incident: Incident, versions: Sequence[ReviewVersion], number: int = 0) -> Document:
    """Return what people wrote, as of a version; 0: as it is now."""
    head = incident.review
    shown = next((one for one in versions if one.number == number), None) if number else None
    if shown is not None:
        return Document(shown.number, shown.at, shown.by, **text_of(versions, number))
    if head is None:
        return Document(0, 0, "", **text_of(versions))
    return Document(head.version, head.at, head.by, **text_of(versions))


def _line(number: int, entry: Entry) -> Line:
    return Line(number, entry.at, entry.kind, entry.text, entry.by, entry.via)


def _is_of_person(entry: Entry) -> bool:
    known = entry.kind in TRIED or entry.kind == Kind.OPENED
    return bool(entry.by) and not entry.automatic and known


def _mean(spans: Sequence[int | None]) -> int | None:
    counted = [span for span in spans if span is not None]
    return round(sum(counted) / len(counted)) if counted else None


def _to_detect(incident: Incident) -> int | None:
    """Return how long the first alert fired before; None when it began again since."""
    starts = [
        alert.starts_at
        for alert in incident.alerts.values()
        if 0 < alert.starts_at <= incident.opened_at
    ]
    return incident.opened_at - min(starts) if starts and incident.kind != "manual" else None


def _impact(incident: Incident, timeline: Sequence[Entry], episodes: Sequence[Episode]) -> Impact:
    alerts = incident.alerts.values()
    names = {alert.labels.get("alertname", ""): None for alert in alerts}
    affected = {
        label: tuple(sorted({alert.labels[label] for alert in alerts if alert.labels.get(label)}))[
            :_NAMES_SHOWN
        ]
        for label in _AFFECTED
    }
    return Impact(
        open_for=sum(each.open_for for each in episodes),
        unanswered_for=sum(each.unanswered_for for each in episodes),
        worst=min([entry.priority for entry in timeline if entry.priority] + [incident.priority]),
        alerts=len(alerts),
        firing=len(incident.firing()),
        names=tuple(name for name in names if name)[:_NAMES_SHOWN],
        affected={label: values for label, values in affected.items() if values},
    )


def _priorities(incident: Incident, timeline: Sequence[Entry]) -> tuple[Priority, ...]:
    found: list[Priority] = []
    for entry in timeline:
        if entry.priority and (not found or found[-1].priority != entry.priority):
            why = entry.text if entry.kind.startswith("priority_") else _WHY.get(entry.kind, "")
            found.append(Priority(entry.at, entry.priority, why))
    if not found:
        found = [Priority(incident.opened_at, incident.priority, incident.priority_reason)]
    return tuple(found)


def _people(lines: Sequence[Line]) -> tuple[Person, ...]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.by, []).append(line)
    return tuple(
        Person(name, mine[0].at, tuple(dict.fromkeys(line.via for line in mine)), len(mine))
        for name, mine in found.items()
    )


def _deliveries(incident: Incident, receipts: Mapping[str, Receipt]) -> tuple[Delivery, ...]:
    found = []
    for name in sorted(incident.pages.keys() | receipts.keys()):
        receipt, page = receipts.get(name, Receipt()), incident.pages.get(name)
        state = delivery_state(incident, name, receipt)
        pages = page.seq if page else 0
        found.append(Delivery(name, state, pages, receipt.delivered_at, receipt.last_error))
    return tuple(found)


def _alerts(incident: Incident) -> tuple[AlertFact, ...]:
    """Return the alerts, the first to begin first."""
    alerts = sorted(incident.complete_alerts(), key=lambda one: (one.starts_at, one.fingerprint))
    return tuple(
        AlertFact(
            name=alert.labels.get("alertname", "alert"),
            summary=describe(alert),
            priority=alert.priority,
            status=_status(incident, alert.fingerprint, resolved=alert.resolved),
            started_at=alert.starts_at,
            ended_at=alert.ends_at if alert.resolved else 0,
            labels=dict(sorted(alert.labels.items())),
        )
        for alert in alerts
    )


def _status(incident: Incident, fingerprint: str, *, resolved: bool) -> str:
    if resolved:
        return "resolved"
    quiet = incident.suppressed.get(fingerprint) == incident.alerts[fingerprint].starts_at
    gone = incident.vanished.get(fingerprint, "")
    return "firing" + (f", {gone}" if gone else "") + (", quiet" if quiet else "")
