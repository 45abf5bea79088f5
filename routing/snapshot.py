"""What a snapshot of alerts does to an incident: open, update, resolve, reopen, or nothing.

Copies of one alert are joined by the greatest (startsAt, resolved, endsAt). A firing copy of what
is already resolved is an echo, or news after a partition: it waits ``echo_window``, then counts.
"""

from collections.abc import Mapping
from typing import Any

from routing.alert import Alert, merge_alert, severity_label
from routing.decision import Decision, Draft
from routing.escalation import Rules, settle_deadline, start_clocks
from routing.event import AlertsReceived
from routing.incident import AUTOMATIC, SCHEMA, Incident, describe
from routing.person import observe_duration

RESOLVED_KEPT = 500
"""Resolved alerts an incident remembers, so that a group that lives for months stays bounded."""


def decide_alerts(base: Incident | None, event: AlertsReceived, now: int, rules: Rules) -> Decision:
    """Join the snapshot into the incident, and follow it; see the module's docstring."""
    start = base if base is not None else _fresh(event, 1, rules)
    draft = Draft(base, start, now)
    # Any firing copy says that a tombstone's group did fire, even one older than the resolve.
    fired = start.state == "tombstone" and any(not alert.resolved for alert in event.alerts)
    if not _merge(draft, event.alerts, rules) and not fired:
        return draft.done("repeat")
    draft.set(seen_at=now)
    # While the timer of a suspected echo runs, the old incident may reopen by itself: what fires
    # meanwhile belongs to it, or the group would have two open incidents.
    over = start.state == "resolved" and not start.suspects
    if over and start.resolved_at + rules.reopen_within < now:
        draft = _next_generation(draft, event, rules)
    return draft.done(follow_alerts(draft, rules, fired=fired))


def _next_generation(draft: Draft, event: AlertsReceived, rules: Rules) -> Draft:
    """Return the draft of a new incident when anything fires, else the one given.

    It takes over what this snapshot tells of and what a person silenced, or telling the snapshot
    once more would change it; everything else that is over stays behind.
    """
    alerts: dict[str, Alert] = draft.get("alerts")
    if not any(_fires(draft, alert) for alert in alerts.values()):
        return draft
    told = {alert.fingerprint for alert in event.alerts}
    fresh = Draft(draft.base, _fresh(event, draft.start.generation + 1, rules), draft.now)
    fresh.set(
        alerts={key: alert for key, alert in alerts.items() if not alert.resolved or key in told},
        suppressed=draft.get("suppressed"),
        seen_at=draft.now,
    )
    if draft.get("suspects"):
        _watch_echoes(fresh, draft.get("suspects"), rules)
    return fresh


def _fresh(event: AlertsReceived, generation: int, rules: Rules) -> Incident:
    return Incident(
        id=f"{event.key}-{generation}",
        group=event.group,
        state="tombstone",
        schema=SCHEMA,
        generation=generation,
        team=rules.team,
        source=event.source,
        alertmanager_url=event.alertmanager_url,
        correlation_id=event.correlation_id,
    )


def _fires(draft: Draft, alert: Alert) -> bool:
    suppressed: Mapping[str, int] = draft.get("suppressed")
    return not alert.resolved and suppressed.get(alert.fingerprint) != alert.starts_at


def _merge(draft: Draft, incoming: tuple[Alert, ...], rules: Rules) -> bool:
    """Join the copies into the draft's alerts; return whether anything is different now."""
    alerts: dict[str, Alert] = dict(draft.start.alerts)
    suspects: dict[str, Alert] = dict(draft.start.suspects)
    for alert in incoming:
        key = alert.fingerprint
        known = alerts.get(key)
        if known is None:
            alerts[key] = alert
            continue
        merged = merge_alert(known, alert)
        if merged != known:
            alerts[key] = merged
        suspect = suspects.get(key)
        if suspect is not None and (alert.resolved or alert.starts_at > suspect.starts_at):
            if alert.starts_at >= suspect.starts_at:
                del suspects[key]
        elif (
            not alert.resolved
            and known.resolved
            and known.seen_firing
            and alert.starts_at == known.starts_at
            and suspect is None
        ):
            suspects[key] = alert
    alerts = _bounded(alerts, suspects)
    if alerts != draft.start.alerts:
        draft.set(alerts=alerts)
    if suspects != draft.start.suspects:
        _watch_echoes(draft, suspects, rules)
    return bool(draft.fields)


def _bounded(alerts: dict[str, Alert], suspects: Mapping[str, Alert]) -> dict[str, Alert]:
    if len(alerts) <= RESOLVED_KEPT:
        return alerts
    resolved = [alert for key, alert in alerts.items() if alert.resolved and key not in suspects]
    resolved.sort(key=lambda alert: (alert.ends_at, alert.fingerprint))
    forgotten = {alert.fingerprint for alert in resolved[:-RESOLVED_KEPT]}
    return {key: alert for key, alert in alerts.items() if key not in forgotten}


def _watch_echoes(draft: Draft, suspects: dict[str, Alert], rules: Rules) -> None:
    known: dict[str, int] = draft.start.suspected_at
    since = {key: known.get(key, draft.now) for key in suspects}
    draft.set(suspects=suspects, suspected_at=since)
    if since:
        draft.timer("echo", min(since.values()) + rules.echo_window)
    else:
        draft.stop("echo")


def follow_alerts(draft: Draft, rules: Rules, *, fired: bool = False) -> str:
    """Bring state, priority and clocks in line with the draft's alerts; return what happened.

    ``fired``: a firing copy came for a tombstone, whether or not it still counts.
    """
    alerts: dict[str, Alert] = draft.get("alerts")
    suppressed: dict[str, int] = draft.get("suppressed")
    if suppressed:
        quiet = {
            key: at
            for key, at in suppressed.items()
            if key in alerts and not alerts[key].resolved and alerts[key].starts_at == at
        }
        if quiet != suppressed:
            draft.set(suppressed=quiet)
    firing = [alert for alert in alerts.values() if _fires(draft, alert)]
    firing.sort(key=lambda alert: (alert.priority, alert.starts_at, alert.fingerprint))
    was = draft.start.state
    if was == "tombstone":
        return _begin(draft, rules, firing) if firing or fired else "orphan_resolve"
    if was == "resolved":
        return _reopen(draft, rules, firing) if firing else _after_end(draft)
    if not firing:
        return _end(draft, rules)
    _say_changes(draft, firing)
    return _reprioritise(draft, rules, firing)


def _begin(draft: Draft, rules: Rules, firing: list[Alert]) -> str:
    alerts: list[Alert] = list(draft.get("alerts").values())
    _describe(draft, rules, firing or sorted(alerts, key=lambda a: (a.priority, a.starts_at)))
    if not firing:
        _after_end(draft)
    draft.set(opened_at=draft.now, episode_opened_at=draft.now)
    draft.observe(
        "incidents_total",
        severity=severity_label(draft.get("severity")),
        type="alert",
        source=draft.get("source"),
        priority=draft.get("priority"),
    )
    if not firing:
        draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
        draft.say("resolved", "Its firing copy came after its resolve; nobody was paged")
        return "covered"
    draft.set(state="triggered")
    draft.say("opened", draft.get("title"))
    draft.observe("incident_runbooks_total", source=firing[0].runbook_source or "none")
    start_clocks(draft, rules.clocks[draft.get("priority")], "opened")
    return "opened"


def _describe(draft: Draft, rules: Rules, shown: list[Alert]) -> None:
    """Set what names the incident from the alerts that matter most, most urgent first."""
    lead = shown[0]
    priority, reason = lead.priority, lead.priority_reason
    if rules.classify_group is not None:
        for alert in shown:
            priority, reason = min(
                (priority, reason),
                rules.classify_group(alert, len(shown)),
                key=lambda pair: pair[0],
            )
    more = f" (+{len(shown) - 1} more)" if len(shown) > 1 else ""
    named: dict[str, Any] = {
        "priority": priority,
        "priority_reason": reason,
        "severity": lead.labels.get("severity", "none").lower(),
        "title": describe(lead) + more,
        "runbook_url": lead.runbook_url,
    }
    draft.set(**{name: value for name, value in named.items() if draft.get(name) != value})


def _reopen(draft: Draft, rules: Rules, firing: list[Alert]) -> str:
    _describe(draft, rules, firing)
    draft.set(
        state="triggered",
        episode=draft.get("episode") + 1,
        episode_opened_at=draft.now,
        acknowledged_at=0,
        acknowledged_by=None,
        acknowledge_counted=False,
        resolved_at=0,
        resolved_by=None,
        deadlines={},
    )
    names = ", ".join(sorted({describe(alert) for alert in firing})[:5])
    draft.say("reopened", f"Firing again: {names}")
    start_clocks(draft, rules.clocks[draft.get("priority")], "reopened")
    return "reopened"


def _after_end(draft: Draft) -> str:
    """A resolved incident keeps the most urgent priority any of its alerts had."""
    lead = min(draft.get("alerts").values(), key=lambda alert: (alert.priority, alert.starts_at))
    if lead.priority != draft.get("priority"):
        draft.set(priority=lead.priority, priority_reason=lead.priority_reason)
    return "echo_suspected" if draft.get("suspects") else "updated"


def _end(draft: Draft, rules: Rules) -> str:
    _after_end(draft)
    draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
    settle_deadline(draft, "void")
    draft.stop("delivery")
    draft.say("resolved", "All alerts resolved", via="automatic")
    observe_duration(draft, rules, "incident_resolution_duration_seconds", "automatic")
    return "resolved"


def _say_changes(draft: Draft, firing: list[Alert]) -> None:
    """One line for all alerts that joined or left, so that a storm is not a page of timeline."""
    before = {alert.fingerprint for alert in draft.start.firing()}
    after = {alert.fingerprint: alert for alert in firing}
    joined = [alert for key, alert in after.items() if key not in before]
    left = len(before - after.keys())
    parts = []
    if joined:
        names = ", ".join(describe(alert) for alert in joined[:3])
        parts.append(f"{len(joined)} more firing: {names}" + (", ..." if len(joined) > 3 else ""))  # noqa: PLR2004 - as many as are named
    if left:
        parts.append(f"{left} resolved")
    if parts:
        draft.say("alerts_changed", "; ".join(parts))


def _reprioritise(draft: Draft, rules: Rules, firing: list[Alert]) -> str:
    """A rise pages again and asks for a new acknowledgement; a fall is only noted."""
    before: str = draft.get("priority")
    _describe(draft, rules, firing)
    after: str = draft.get("priority")
    if after == before:
        return "updated"
    if after > before:
        draft.say("priority_lowered", f"{before} to {after}: {draft.get('priority_reason')}")
        return "updated"
    draft.say("priority_raised", f"{before} to {after}: {draft.get('priority_reason')}")
    # Whoever took a P3 has not said that they answer a P1.
    draft.set(state="triggered", acknowledged_at=0, acknowledged_by=None)
    start_clocks(draft, rules.clocks[after], "priority_raised")
    return "priority_raised"
