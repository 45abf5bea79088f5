"""An episode of an incident: how it opens, and how it ends.

The end of what flaps is held back until nothing fired for a while.
"""

from routing import clocks
from routing.alert import Alert, severity_label
from routing.decision import Draft
from routing.duration import format_duration
from routing.escalation import start_clocks
from routing.flapping import count_change
from routing.growth import page_growth
from routing.incident import describe
from routing.incident_parts import AUTOMATIC, Actor
from routing.rules import Rules
from routing.urgency import keep_priority, name_incident, raise_to_parts, reprioritise
from routing.vocabulary import Ended, Kind, PageReason, Reason, Timer


def begin(draft: Draft, rules: Rules, firing: list[Alert], *, fired: bool) -> Reason:
    """Open the incident; ``fired``: what did fire is over, so that nobody is paged."""
    alerts: list[Alert] = list(draft.incident.alerts.values())
    name_incident(draft, rules, firing or sorted(alerts, key=lambda a: (a.priority, a.starts_at)))
    if not firing:
        keep_priority(draft)
    draft.set(opened_at=draft.now, episode_opened_at=draft.now)
    draft.observe(
        "incidents_total",
        severity=severity_label(draft.incident.severity),
        type=draft.incident.kind,
        source=draft.incident.source,
        priority=draft.incident.priority,
    )
    if fired and not firing:
        draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
        draft.say(Kind.RESOLVED, "Its firing copy came after its resolve; nobody was paged")
        retire(draft, rules)
        return Reason.COVERED
    draft.set(state="triggered")
    _say_opened(draft)
    draft.observe("incident_runbooks_total", source=firing[0].runbook_source or "none")
    started = min(alert.starts_at for alert in firing)
    draft.observe(
        "incident_detection_delay_seconds",
        max(0, draft.now - started) / 1000,
        priority=draft.incident.priority,
        source=draft.incident.source,
    )
    count_change(draft, rules)
    watch_for_news(draft, rules)
    _look_around(draft, rules)
    start_clocks(draft, rules.clocks[draft.incident.priority], PageReason.OPENED)
    return Reason.OPENED


def _say_opened(draft: Draft) -> None:
    by = draft.incident.opened_by
    if by is None:
        draft.say(Kind.OPENED, draft.incident.title)
    else:
        draft.say(Kind.OPENED, f"Opened by {by.principal}: {draft.incident.title}", by)


def reopen(
    draft: Draft,
    rules: Rules,
    firing: list[Alert],
    said: str,
    by: Actor | None = None,
    skip: str = "",
) -> Reason:
    """Start a new episode of a resolved incident."""
    draft.set(pin=None)
    if firing:
        name_incident(draft, rules, firing)
    else:
        raise_to_parts(draft)
    draft.set(
        state="triggered",
        episode=draft.incident.episode + 1,
        episode_opened_at=draft.now,
        acknowledged_at=0,
        acknowledged_by=None,
        acknowledge_counted=False,
        automation_counted=False,
        assigned_to=None,
        resolved_at=0,
        resolved_by=None,
        deadlines={},
        stale_at=0,
        vanished={},
        unreached=None,
        fell_at=0,
    )
    draft.stop(Timer.FORGET)
    draft.say(Kind.REOPENED, said, by, "automatic")
    draft.observe("incident_reopened_total", priority=draft.incident.priority)
    if by is None:
        count_change(draft, rules)
    watch_for_news(draft, rules)
    _look_around(draft, rules)
    start_clocks(draft, rules.clocks[draft.incident.priority], PageReason.REOPENED, skip)
    return Reason.REOPENED


def firing_again(firing: list[Alert]) -> str:
    """Return the words for alerts that fire again."""
    return f"Firing again: {', '.join(sorted({describe(alert) for alert in firing})[:5])}"


def end(draft: Draft, rules: Rules, *, settled: bool = False) -> Reason:
    """Resolve the incident, for nothing fires any more; ``settled``: nor did it for a while."""
    parts = draft.incident.parts
    if draft.incident.by_hand or any(part.firing for part in parts.values()):
        return Reason.UPDATED
    if not settled:
        if _fired(draft):
            count_change(draft, rules)
        if draft.incident.flapping:
            return Reason.FLAPPING
    keep_priority(draft)
    draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
    draft.set(snoozed_until=0, flapping=False)
    if settled:
        draft.set(changes=())
    clocks.end(draft, acknowledge=Ended.VOID, resolve=Ended.MET, by="automatic")
    retire(draft, rules)
    draft.say(Kind.RESOLVED, "All alerts resolved", via="automatic")
    observe_end(draft, rules, "automatic")
    return Reason.RESOLVED


def fires_on(draft: Draft, rules: Rules) -> None:
    """Something fires while the end of a flapping incident is held back: it is not over."""
    if draft.incident.flapping and not _fired(draft):
        count_change(draft, rules)


def _fired(draft: Draft) -> bool:
    """Return whether anything fired before what happens now."""
    start = draft.start
    return bool(start.firing()) or any(part.firing for part in start.parts.values())


def calm_down(draft: Draft, rules: Rules) -> Reason:
    """Nothing changed for a while: believe the end, or the lower priority, that was held back."""
    parts = draft.incident.parts
    firing = draft.incident.firing()
    if not (firing or draft.incident.by_hand or any(part.firing for part in parts.values())):
        return end(draft, rules, settled=True)
    quiet = format_duration(rules.flap_hold)
    draft.set(flapping=False)
    draft.say(Kind.CALMED, f"No longer flapping: nothing changed for {quiet}")
    reason = reprioritise(draft, rules, firing)
    page_growth(draft, rules, calm=True)
    return reason


def watch_for_news(draft: Draft, rules: Rules) -> None:
    """Look later whether anybody still reports it; nobody repeats what a person opened."""
    if rules.stale_after and draft.incident.kind != "manual":
        draft.timer(Timer.STALE, draft.now + rules.stale_after)


def _look_around(draft: Draft, rules: Rules) -> None:
    """Have more found out about the episode: the page does not wait for it."""
    draft.set(context=())
    worth_asking = rules.worth_asking
    if rules.enrich and (worth_asking is None or worth_asking(draft.incident)):
        draft.timer(Timer.ENRICH, draft.now)


def retire(draft: Draft, rules: Rules) -> None:
    """Forget a closed incident when its time has come."""
    if rules.retention:
        draft.timer(Timer.FORGET, draft.now + rules.retention)


def silence(draft: Draft) -> None:
    """Let what fires now be quiet until it resolves or changes."""
    firing = {alert.fingerprint: alert.starts_at for alert in draft.incident.firing()}
    draft.set(suppressed={**draft.incident.suppressed, **firing})


def observe_end(draft: Draft, rules: Rules, by: str) -> None:
    """Observe how long the episode took, and whether a person had answered it."""
    detail = "answered" if draft.incident.acknowledge_counted else ""
    observe_duration(draft, rules, "incident_resolution_duration_seconds", by, detail)


def observe_duration(draft: Draft, rules: Rules, name: str, by: str, detail: str = "") -> None:
    """Observe the time since the episode opened, in seconds, once an episode; never below zero."""
    draft.observe(
        name,
        max(0, draft.now - draft.incident.episode_opened_at) / 1000,
        detail,
        severity=severity_label(draft.incident.severity),
        type=draft.incident.kind,
        priority=draft.incident.priority,
        team=rules.team,
        by=by,
    )
