"""An episode of an incident: how it opens, what it is called, and how it ends.

What opens and ends too often flaps: its end is then held back until nothing fired for a while.
"""

from typing import Any

from routing import clocks
from routing.alert import Alert, severity_label
from routing.decision import Draft
from routing.escalation import arm_next, start_clocks
from routing.group import Group
from routing.incident import describe, labelled
from routing.incident_parts import AUTOMATIC, Actor, Part, Pin
from routing.rules import Rules


def begin(draft: Draft, rules: Rules, firing: list[Alert], *, fired: bool) -> str:
    """Open the incident; ``fired``: what did fire is over, so that nobody is paged."""
    alerts: list[Alert] = list(draft.get("alerts").values())
    name_incident(draft, rules, firing or sorted(alerts, key=lambda a: (a.priority, a.starts_at)))
    if not firing:
        keep_priority(draft)
    draft.set(opened_at=draft.now, episode_opened_at=draft.now)
    draft.observe(
        "incidents_total",
        severity=severity_label(draft.get("severity")),
        type=draft.get("kind"),
        source=draft.get("source"),
        priority=draft.get("priority"),
    )
    if fired and not firing:
        draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
        draft.say("resolved", "Its firing copy came after its resolve; nobody was paged")
        retire(draft, rules)
        return "covered"
    draft.set(state="triggered")
    _say_opened(draft)
    draft.observe("incident_runbooks_total", source=firing[0].runbook_source or "none")
    started = min(alert.starts_at for alert in firing)
    draft.observe(
        "incident_detection_delay_seconds",
        max(0, draft.now - started) / 1000,
        priority=draft.get("priority"),
        source=draft.get("source"),
    )
    _count_change(draft, rules)
    watch_for_news(draft, rules)
    _look_around(draft, rules)
    start_clocks(draft, rules.clocks[draft.get("priority")], "opened")
    return "opened"


def _say_opened(draft: Draft) -> None:
    by: Actor | None = draft.get("opened_by")
    if by is None:
        draft.say("opened", draft.get("title"))
    else:
        draft.say("opened", f"Opened by {by.name}: {draft.get('title')}", by)


def reopen(
    draft: Draft,
    rules: Rules,
    firing: list[Alert],
    said: str,
    by: Actor | None = None,
    skip: str = "",
) -> str:
    """Start a new episode of a resolved incident."""
    draft.set(pin=None)
    if firing:
        name_incident(draft, rules, firing)
    else:
        raise_to_parts(draft)
    draft.set(
        state="triggered",
        episode=draft.get("episode") + 1,
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
    )
    draft.stop("forget")
    draft.say("reopened", said, by, "automatic")
    draft.observe("incident_reopened_total", priority=draft.get("priority"))
    _count_change(draft, rules)
    watch_for_news(draft, rules)
    _look_around(draft, rules)
    start_clocks(draft, rules.clocks[draft.get("priority")], "reopened", skip)
    return "reopened"


def firing_again(firing: list[Alert]) -> str:
    """Return the words for alerts that fire again."""
    return f"Firing again: {', '.join(sorted({describe(alert) for alert in firing})[:5])}"


def name_incident(draft: Draft, rules: Rules, shown: list[Alert]) -> None:
    """Set what names the incident from the alerts that matter most, most urgent first."""
    lead = shown[0]
    priority, reason = classified(draft, rules, shown)
    pin: Pin | None = draft.get("pin")
    if pin is not None and priority < pin.over:
        draft.set(pin=None)
    elif pin is not None:
        priority, reason = pin.priority, pin.reason
    more = f" (+{len(shown) - 1} more)" if len(shown) > 1 else ""
    group = draft.start.group
    named: dict[str, Any] = {
        "priority": priority,
        "priority_reason": reason,
        "severity": lead.labels.get("severity", "none").lower(),
        "title": _flood_title(group, shown) if group.flood else describe(lead) + more,
        "runbook_url": lead.runbook_url,
    }
    draft.set(**{name: value for name, value in named.items() if draft.get(name) != value})


def _flood_title(group: Group, shown: list[Alert]) -> str:
    known = labelled(shown, len(shown))
    groups = len({alert.source_group for alert in known})
    # Of alerts that are only counted nobody knows which group they are of.
    more = "" if len(known) == len(shown) else " or more"
    alerts = f"{len(shown)} alert{'s' * (len(shown) > 1)}"
    return f"Flood from {group.group_key}: {alerts} of {groups}{more} group{'s' * (groups > 1)}"


def classified(draft: Draft, rules: Rules, shown: list[Alert]) -> tuple[str, str]:
    """Return the priority that alerts (most urgent first) and merged incidents ask for, and why."""
    lead = shown[0]
    priority, reason = lead.priority, lead.priority_reason
    if rules.classify_group is not None:
        for alert in labelled(shown, len(draft.get("alerts"))):
            priority, reason = min(
                (priority, reason),
                rules.classify_group(alert, len(shown)),
                key=lambda pair: pair[0],
            )
    return _of_parts(draft, priority, reason)


def _of_parts(draft: Draft, priority: str, reason: str) -> tuple[str, str]:
    parts: dict[str, Part] = draft.get("parts")
    for source, part in parts.items():
        if part.firing and part.priority < priority:
            priority, reason = part.priority, f"merged incident {source}"
    return priority, reason


def raise_to_parts(draft: Draft) -> None:
    """Take the priority of merged incidents that fire and are more urgent than this one was."""
    priority, reason = _of_parts(draft, draft.get("priority"), draft.get("priority_reason"))
    draft.set(priority=priority, priority_reason=reason)


def follow_lower(draft: Draft, rules: Rules) -> None:
    """Let clocks and policy go by a lower priority: it pages nobody now, and strands nobody."""
    clock = rules.clocks[draft.get("priority")]
    clocks.follow_priority(draft, clock)
    # What quiet hours hold back is paged at their end.
    climbs = draft.get("step") >= 0 or "quiet" not in draft.get("timers")
    if draft.get("state") == "triggered" and climbs and "escalate" not in draft.get("timers"):
        arm_next(draft, clock, draft.get("step") + 1)


def raise_priority(draft: Draft, rules: Rules, before: str, by: Actor | None = None) -> str:
    """Page anew for a priority that rose; whoever took a P3 has not said that they answer a P1."""
    after: str = draft.get("priority")
    text = f"{before} to {after}: {draft.get('priority_reason')}"
    draft.say("priority_raised", text, by)
    draft.set(state="triggered", acknowledged_at=0, acknowledged_by=None)
    draft.set(snoozed_until=0, snoozed_from="")
    start_clocks(draft, rules.clocks[after], "priority_raised")
    return "priority_raised"


def keep_priority(draft: Draft) -> None:
    """Let what is over keep the most urgent priority any of its alerts had."""
    alerts: dict[str, Alert] = draft.get("alerts")
    if not alerts or draft.get("pin") is not None:
        return
    lead = min(alerts.values(), key=lambda alert: (alert.priority, alert.starts_at))
    if lead.priority != draft.get("priority"):
        draft.set(priority=lead.priority, priority_reason=lead.priority_reason)


def end(draft: Draft, rules: Rules, *, settled: bool = False) -> str:
    """Resolve the incident, for nothing fires any more; ``settled``: nor did it for a while."""
    parts: dict[str, Part] = draft.get("parts")
    if draft.get("by_hand") or any(part.firing for part in parts.values()):
        return "updated"
    if not settled and "flap" in draft.get("timers"):
        return "flapping"
    if not settled:
        _count_change(draft, rules)
        if draft.get("flapping"):
            draft.timer("flap", draft.now + rules.flap_hold)
            return "flapping"
    keep_priority(draft)
    draft.set(state="resolved", resolved_at=draft.now, resolved_by=AUTOMATIC)
    draft.set(snoozed_until=0, flapping=False)
    if settled:
        draft.set(changes=())
    clocks.end(draft, acknowledge="void", resolve="met", by="automatic")
    retire(draft, rules)
    draft.say("resolved", "All alerts resolved", via="automatic")
    observe_duration(draft, rules, "incident_resolution_duration_seconds", "automatic")
    return "resolved"


def fires_on(draft: Draft, rules: Rules) -> None:
    """Something fires while the end of a flapping incident is held back: it is not over."""
    if "flap" in draft.get("timers"):
        draft.stop("flap")
        _count_change(draft, rules)


def _count_change(draft: Draft, rules: Rules) -> None:
    """Remember an opening or an end, and mark the incident when they are too many."""
    if not rules.flap_changes:
        return
    since = draft.now - rules.flap_window
    recent = tuple(at for at in draft.get("changes") if at > since)
    changes = (*recent, draft.now)[-rules.flap_changes :]
    draft.set(changes=changes)
    if len(changes) >= rules.flap_changes and not draft.get("flapping"):
        draft.set(flapping=True)
        draft.say("flapping", "It opens and ends again and again: it stays open until it is quiet")
        draft.observe("incident_flapping_total", priority=draft.get("priority"))


def watch_for_news(draft: Draft, rules: Rules) -> None:
    """Look later whether anybody still reports it; nobody repeats what a person opened."""
    if rules.stale_after and draft.get("kind") != "manual":
        draft.timer("stale", draft.now + rules.stale_after)


def _look_around(draft: Draft, rules: Rules) -> None:
    """Have more found out about the episode: the page does not wait for it."""
    draft.set(context=())
    if rules.enrich:
        draft.timer("enrich", draft.now)


def retire(draft: Draft, rules: Rules) -> None:
    """Forget a closed incident when its time has come."""
    if rules.retention:
        draft.timer("forget", draft.now + rules.retention)


def silence(draft: Draft) -> None:
    """Let what fires now be quiet until it resolves or changes."""
    firing = {alert.fingerprint: alert.starts_at for alert in draft.firing()}
    draft.set(suppressed={**draft.get("suppressed"), **firing})


def observe_duration(draft: Draft, rules: Rules, name: str, by: str) -> None:
    """Observe the time since the episode opened, in seconds, once an episode; never below zero."""
    draft.observe(
        name,
        max(0, draft.now - draft.get("episode_opened_at")) / 1000,
        severity=severity_label(draft.get("severity")),
        type=draft.get("kind"),
        priority=draft.get("priority"),
        team=rules.team,
        by=by,
    )
