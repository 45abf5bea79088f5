"""``decide(incident, event, now, rules)``: the one place where incidents change.

A payload is a snapshot, not a delta: any order and any duplication of the same notifications ends
in the same alerts, state and priority. The functions below are the whole life of an incident;
``escalation`` has the clocks and pages.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from routing import escalation
from routing.alert import Alert, merge_alert
from routing.decision import Decision, Draft
from routing.escalation import Rules
from routing.event import (
    Acknowledged,
    AlertsReceived,
    DeliveryFailed,
    DeliveryNoted,
    Event,
    Resolved,
    TimerDue,
)
from routing.incident import Incident
from routing.person import acknowledge, resolve_by_person
from routing.snapshot import decide_alerts, follow_alerts


def decide(incident: Incident | None, event: Event, now: int, rules: Rules) -> Decision:
    """Return what ``event`` does to ``incident`` at ``now`` (ms).

    ``incident`` is None when the group is unknown; only alerts can then do anything. ``now`` never
    goes back within an incident. Pure and total: it raises for programming errors alone.
    """
    if incident is not None:
        now = max(now, incident.updated_at)
    if isinstance(event, AlertsReceived):
        return decide_alerts(incident, event, now, rules)
    if incident is None or incident.state == "tombstone":
        return Decision("unknown_incident", incident, incident)
    handler: Callable[[Draft, Any, Rules], str] = _HANDLERS[type(event)]
    draft = Draft(incident, incident, now)
    return draft.done(handler(draft, event, rules))


def fold(decisions: Iterable[Decision]) -> Decision:
    """Join decisions made one after another on one incident into one to commit."""
    first, *rest = decisions
    if not rest:
        return first
    schedule = {change.task: change for change in first.schedule}
    cancel = set(first.cancel)
    timeline = list(first.timeline)
    for decision in rest:
        if _is_next_generation(decision):
            # What was said and asked for before is the old incident's, which is over.
            schedule, cancel, timeline = {}, set(), []
        timeline += decision.timeline
        cancel |= set(decision.cancel)
        for task in decision.cancel:
            schedule.pop(task, None)
        for change in decision.schedule:
            schedule[change.task] = change
            cancel.discard(change.task)
    every = (first, *rest)
    return Decision(
        reason=rest[-1].reason,
        base=first.base,
        incident=rest[-1].incident,
        changed=any(decision.changed for decision in every),
        timeline=tuple(timeline),
        schedule=tuple(schedule.values()),
        cancel=tuple(cancel),
        observations=tuple(item for decision in every for item in decision.observations),
    )


def _is_next_generation(decision: Decision) -> bool:
    base, incident = decision.base, decision.incident
    return base is not None and incident is not None and base.id != incident.id


def _timer(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Handle a due timer; one that was stopped or moved since is nothing but cleared."""
    due = draft.get("timers").get(event.task)
    if due is None:
        draft.cancel.add(event.task)
        return "timer_gone"
    if due > draft.now:
        # The agenda entry is early, for instance because the clock was set back: put it right.
        draft.timer(event.task, due)
        return "timer_early"
    return _TIMERS[event.task](draft, event, rules)


def _acknowledge_due(draft: Draft, event: TimerDue, rules: Rules) -> str:
    escalation.acknowledge_passed(draft, rules.clocks[draft.get("priority")], event.paged)
    return "deadline_missed"


def _escalate_due(draft: Draft, event: TimerDue, rules: Rules) -> str:
    draft.stop("escalate")
    escalation.page_next(draft, rules.clocks[draft.get("priority")], "timer", event.paged)
    return "escalated"


def _delivery_due(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Slow is failed: what was not delivered in time moves on, while its retries go on."""
    draft.stop("delivery")
    step = draft.get("step")
    pages = escalation.episode_pages(draft)
    late = [
        name
        for name, page in pages.items()
        if page.step == step and page.failed_seq < page.seq and event.paged.get(name, 0) < page.seq
    ]
    in_time = not late and escalation.is_reached(pages, event.paged)
    if in_time or draft.get("state") != "triggered":
        return "delivered_in_time"
    for name in late:
        draft.say("delivery_late", f"{name} has not confirmed the page in time")
    # However many are late, the page moves on by one step; what is late may still arrive.
    escalation.page_next(draft, rules.clocks[draft.get("priority")], "slow", event.paged)
    return "delivery_late"


def _echo_due(draft: Draft, _event: TimerDue, rules: Rules) -> str:
    """Nothing contradicted the suspected echoes: they fire, and may be the only copy for hours."""
    draft.stop("echo")
    ripe: dict[str, int] = draft.get("suspected_at")
    kept = {key: at for key, at in ripe.items() if at + rules.echo_window > draft.now}
    suspects: dict[str, Alert] = draft.get("suspects")
    alerts: dict[str, Alert] = draft.get("alerts")
    believed = {
        key: _believe(alerts.get(key, alert), alert)
        for key, alert in suspects.items()
        if key not in kept
    }
    if kept:
        draft.timer("echo", min(kept.values()) + rules.echo_window)
    if not believed:
        return "timer_early"  # The window was made longer meanwhile.
    draft.set(
        alerts={**alerts, **believed},
        suspects={key: alert for key, alert in suspects.items() if key in kept},
        suspected_at=kept,
    )
    names = ", ".join(sorted(alert.labels.get("alertname", "alert") for alert in believed.values()))
    draft.say("echo_believed", f"Still reported as firing after its resolve: {names}")
    return follow_alerts(draft, rules)


def _believe(known: Alert, suspect: Alert) -> Alert:
    """Return the alert as firing, with the most urgent priority any copy of it had."""
    return merge_alert(msgspec.structs.replace(known, resolved=False, ends_at=0), suspect)


def _delivery_failed(draft: Draft, event: DeliveryFailed, rules: Rules) -> str:
    page = draft.get("pages").get(event.notifier)
    draft.skip.add(event.notifier)
    draft.say("delivery_failed", f"{event.notifier}: {event.reason}")
    if page is not None and event.seq == page.seq and page.failed_seq < page.seq:
        clock = rules.clocks[draft.get("priority")]
        escalation.undelivered(draft, clock, event.notifier, event.paged)
        if draft.get("pages")[event.notifier].seq > event.seq:
            draft.skip.discard(event.notifier)
    return "delivery_failed"


def _delivery_noted(draft: Draft, event: DeliveryNoted, _rules: Rules) -> str:
    draft.say("delivery_note", f"{event.notifier}: {event.text}")
    return "delivery_noted"


_TIMERS: dict[str, Callable[[Draft, TimerDue, Rules], str]] = {
    "acknowledge": _acknowledge_due,
    "escalate": _escalate_due,
    "delivery": _delivery_due,
    "echo": _echo_due,
}
TIMER_TASKS = tuple(_TIMERS)

_HANDLERS: dict[type[msgspec.Struct], Callable[[Draft, Any, Rules], str]] = {
    Acknowledged: acknowledge,
    Resolved: resolve_by_person,
    TimerDue: _timer,
    DeliveryFailed: _delivery_failed,
    DeliveryNoted: _delivery_noted,
}
