"""How urgent an incident is, and what it is called: both follow the alerts that matter most.

A rise of the priority pages anew; a fall pages nobody, and is held back while the incident flaps.
"""

from routing import clocks
from routing.alert import Alert
from routing.alerts import Alerts
from routing.decision import Draft
from routing.escalation import arm_next, start_clocks
from routing.flapping import count_change, held, wait_for_quiet
from routing.group import Group
from routing.incident import COMPLETE_KEPT, describe, labelled
from routing.incident_parts import Actor
from routing.rules import Rules
from routing.severity import canonical
from routing.vocabulary import Kind, PageReason, Reason, Timer


def name_incident(draft: Draft, rules: Rules, shown: list[Alert]) -> None:
    """Set what names the incident from the alerts that matter most, most urgent first."""
    lead = shown[0]
    asked, reason = classified(draft, rules, shown)
    pin = draft.incident.pin
    if pin is not None and asked >= pin.over:
        priority, reason = pin.priority, pin.reason
    else:
        if pin is not None:
            draft.set(pin=None)
        priority, reason = held(draft, asked, reason)
    more = f" (+{len(shown) - 1} more)" if len(shown) > 1 else ""
    group = draft.start.group
    draft.bring_up_to_date(
        priority=priority,
        priority_reason=reason,
        asked=asked,
        severity=canonical(lead.labels.get("severity", "none")),
        title=_flood_title(group, shown) if group.flood else describe(lead) + more,
        runbook_url=lead.runbook_url,
    )


def _flood_title(group: Group, shown: list[Alert]) -> str:
    known = labelled(shown[:COMPLETE_KEPT], len(shown))
    groups = len({alert.source_group for alert in known})
    # Of alerts that are only counted nobody knows which group they are of.
    more = "" if len(known) == len(shown) else " or more"
    alerts = f"{len(shown)} alert{'s' * (len(shown) > 1)}"
    of = f"{groups}{more} group{'s' * (groups > 1 or bool(more))}"
    return f"Flood from {group.group_key}: {alerts} of {of}"


def classified(draft: Draft, rules: Rules, shown: list[Alert]) -> tuple[str, str]:
    """Return the priority that alerts (most urgent first) and merged incidents ask for, and why."""
    lead = shown[0]
    priority, reason = lead.priority, lead.priority_reason
    if rules.classify_group is not None:
        for alert in labelled(shown[:COMPLETE_KEPT], len(draft.incident.alerts)):
            priority, reason = min(
                (priority, reason),
                rules.classify_group(alert, len(shown)),
                key=lambda pair: pair[0],
            )
    return _of_parts(draft, priority, reason)


def _of_parts(draft: Draft, priority: str, reason: str) -> tuple[str, str]:
    parts = draft.incident.parts
    for source, part in parts.items():
        if part.firing and part.priority < priority:
            priority, reason = part.priority, f"merged incident {source}"
    return priority, reason


def raise_to_parts(draft: Draft) -> None:
    """Take the priority of merged incidents that fire and are more urgent than this one was."""
    priority, reason = _of_parts(draft, draft.incident.priority, draft.incident.priority_reason)
    draft.set(priority=priority, priority_reason=reason)


def follow_lower(draft: Draft, rules: Rules) -> None:
    """Let clocks and policy go by a lower priority: it pages nobody now, and strands nobody."""
    clock = rules.clocks[draft.incident.priority]
    clocks.follow_priority(draft, clock)
    # What quiet hours hold back is paged at their end.
    climbs = draft.incident.step >= 0 or Timer.QUIET not in draft.incident.timers
    if (
        draft.incident.state == "triggered"
        and climbs
        and Timer.ESCALATE not in draft.incident.timers
    ):
        arm_next(draft, clock, draft.incident.step + 1)


def raise_priority(draft: Draft, rules: Rules, before: str, by: Actor | None = None) -> Reason:
    """Page anew for a priority that rose; whoever took a P3 has not said that they answer a P1."""
    after = draft.incident.priority
    text = f"{before} to {after}: {draft.incident.priority_reason}"
    draft.say(Kind.PRIORITY_RAISED, text, by)
    if by is None:
        count_change(draft, rules, draft.incident.fell_at)
    draft.set(state="triggered", acknowledged_at=0, acknowledged_by=None)
    draft.set(snoozed_until=0, snoozed_from="", fell_at=0)
    start_clocks(draft, rules.clocks[after], PageReason.PRIORITY_RAISED)
    return Reason.PRIORITY_RAISED


def keep_priority(draft: Draft) -> None:
    """Let what is over keep the most urgent priority any of its alerts had."""
    alerts = draft.incident.alerts
    if not alerts or draft.incident.pin is not None:
        return
    first = (*Alerts.of(alerts).alive[:1], *Alerts.of(alerts).over[:1])
    lead = min(first, key=lambda alert: (alert.priority, alert.starts_at))
    if lead.priority != draft.incident.priority:
        draft.set(priority=lead.priority, priority_reason=lead.priority_reason)


def reprioritise(draft: Draft, rules: Rules, firing: list[Alert]) -> Reason:
    """Follow what alerts and merged incidents ask for now.

    A rise pages again and asks for a new acknowledgement; a fall is only noted.
    """
    before = draft.incident.priority
    asked = draft.incident.asked
    if firing:
        name_incident(draft, rules, firing)
    else:
        raise_to_parts(draft)
    after = draft.incident.priority
    if after < before:
        return raise_priority(draft, rules, before)
    if after > before:
        draft.set(fell_at=draft.now)
        draft.say(Kind.PRIORITY_LOWERED, f"{before} to {after}: {draft.incident.priority_reason}")
        follow_lower(draft, rules)
    elif draft.incident.asked != asked:
        wait_for_quiet(draft, rules)
    return Reason.UPDATED
