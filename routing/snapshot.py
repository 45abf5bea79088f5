"""What a snapshot of alerts does to an incident: open, update, resolve, reopen, or nothing.

Copies of one alert are joined by the greatest (startsAt, resolved, endsAt). A firing copy of what
is already resolved is an echo, or news after a partition: it waits ``echo_window``, then counts.
"""

from collections.abc import Mapping
from operator import attrgetter

from routing import reach, status_page
from routing.alert import Alert, is_summarized, merge_alert, summarized
from routing.always_firing import REASON
from routing.decision import Decision, Draft
from routing.episode import begin, end, fires_on, firing_again, reopen
from routing.event import AlertsReceived
from routing.growth import page_growth
from routing.incident import COMPLETE_KEPT, SCHEMA, Incident, describe
from routing.merge import follow_merged, is_merged_open
from routing.rules import Rules
from routing.urgency import keep_priority, reprioritise

NEVER = -1
"""Before any time (ms): nothing of the kind happened."""
_RANK = attrgetter("resolved", "priority", "starts_at", "fingerprint")
RESOLVED_KEPT = 500
"""Resolved alerts an incident remembers, so that a group that lives for months stays bounded."""


def decide_alerts(base: Incident | None, event: AlertsReceived, now: int, rules: Rules) -> Decision:
    """Join the snapshot into the incident, and follow it; see the module's docstring."""
    start = base if base is not None else _fresh(event, 1, rules)
    if start.damage is not None:
        if all(alert.resolved for alert in event.alerts):
            return Decision("orphan_resolve", base, base)
        # Of what was before nothing is known: it begins anew, and pages.
        start = _fresh(event, start.generation + 1, rules)
    draft = Draft(base, start, now)
    # Any firing copy says that a tombstone's group did fire, even one older than the resolve.
    fired = start.state == "tombstone" and any(not alert.resolved for alert in event.alerts)
    merged = _merge(draft, _incoming(start, event), rules)
    if not (_seen_again(draft, event) or merged or fired):
        return draft.done("repeat")
    draft.set(seen_at=now)
    # While the timer of a suspected echo runs, the old incident may reopen by itself: what fires
    # meanwhile belongs to it, or the group would have two open incidents.
    over = start.state == "resolved" and not start.suspects and not is_merged_open(start)
    if over and start.resolved_at + rules.reopen_within < now:
        draft = _next_generation(draft, event, rules)
    reason = follow_alerts(draft, rules, fired=fired)
    reach.follow(draft)
    status_page.follow(draft, rules)
    return draft.done(reason)


def _incoming(start: Incident, event: AlertsReceived) -> tuple[Alert, ...]:
    """Return the alerts that count: what always fires is only told to an incident that has it."""
    return tuple(
        alert
        for alert in event.alerts
        if alert.priority_reason != REASON or alert.fingerprint in start.alerts
    )


def _seen_again(draft: Draft, event: AlertsReceived) -> bool:
    """Take back what a stale check said of alerts that are reported again."""
    start = draft.start
    told = {alert.fingerprint for alert in event.alerts}
    if not start.stale_at and told.isdisjoint(start.vanished):
        return False
    draft.set(
        stale_at=0, vanished={key: how for key, how in start.vanished.items() if key not in told}
    )
    draft.say("reported_again", "Reported again")
    return True


def _next_generation(draft: Draft, event: AlertsReceived, rules: Rules) -> Draft:
    """Return the draft of a new incident when anything fires, else the one given.

    It takes over what this snapshot tells of and what a person silenced, or telling the snapshot
    once more would change it, and the latest changes: what flaps does so under any id. Everything
    else that is over stays behind, but for when it began: a late firing copy of it is an echo here
    too.
    """
    alerts: dict[str, Alert] = draft.get("alerts")
    if not draft.firing():
        return draft
    told = {alert.fingerprint for alert in event.alerts}
    fresh = Draft(draft.base, _fresh(event, draft.start.generation + 1, rules), draft.now)
    fresh.set(
        alerts={key: alert for key, alert in alerts.items() if not alert.resolved or key in told},
        earlier=_earlier(draft),
        suppressed=draft.get("suppressed"),
        changes=draft.get("changes"),
        seen_at=draft.now,
    )
    if draft.get("suspects"):
        _watch_echoes(fresh, draft.get("suspects"), rules)
    return fresh


def _earlier(draft: Draft) -> dict[str, int]:
    over = {key: one.starts_at for key, one in draft.get("alerts").items() if one.resolved}
    known: dict[str, int] = {**draft.get("earlier"), **over}
    newest = sorted(known, key=lambda key: (known[key], key))[-RESOLVED_KEPT:]
    return {key: known[key] for key in newest}


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
        kind=event.kind,
        opened_by=event.by,
    )


def _merge(draft: Draft, incoming: tuple[Alert, ...], rules: Rules) -> bool:
    """Join the copies into the draft's alerts; return whether anything is different now."""
    alerts: dict[str, Alert] = dict(draft.start.alerts)
    suspects: dict[str, Alert] = dict(draft.start.suspects)
    earlier = draft.start.earlier
    for alert in incoming:
        key = alert.fingerprint
        known = alerts.get(key)
        if known is None and alert.starts_at > earlier.get(key, NEVER):
            alerts[key] = alert
            continue
        if known is not None:
            alerts[key] = merge_alert(known, alert)
            ended = known.starts_at if known.resolved and known.seen_firing else NEVER
        else:
            ended = earlier[key]
        suspect = suspects.get(key)
        if suspect is not None and (alert.resolved or alert.starts_at > suspect.starts_at):
            if alert.starts_at >= suspect.starts_at:
                del suspects[key]
        elif not alert.resolved and alert.starts_at == ended and suspect is None:
            suspects[key] = alert
    alerts = _bounded(alerts, suspects)
    if alerts != draft.start.alerts:
        draft.set(alerts=alerts)
        _say_summarized(draft)
    if suspects != draft.start.suspects:
        _watch_echoes(draft, suspects, rules)
    return bool(draft.fields)


def _say_summarized(draft: Draft) -> None:
    """Say once that not all is kept of each alert."""
    before, after = (len(of) > COMPLETE_KEPT for of in (draft.start.alerts, draft.get("alerts")))
    if after and not before:
        words = (
            f"Over {COMPLETE_KEPT} alerts: of the less urgent ones only state and times are kept"
        )
        draft.say("summarized", words)


def _bounded(alerts: dict[str, Alert], suspects: Mapping[str, Alert]) -> dict[str, Alert]:
    """Return the alerts without what is over for long, and of too many only the state.

    Which ones depends on the alerts alone, not on the order they came in.
    """
    if len(alerts) <= RESOLVED_KEPT:
        return alerts
    alerts = _without_oldest(alerts, suspects)
    if len(alerts) <= COMPLETE_KEPT:
        return alerts
    ranked = sorted(alerts.values(), key=_RANK)
    return alerts | {
        one.fingerprint: summarized(one) for one in ranked[COMPLETE_KEPT:] if not is_summarized(one)
    }


def _without_oldest(alerts: dict[str, Alert], suspects: Mapping[str, Alert]) -> dict[str, Alert]:
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
    _forget_suppressed(draft)
    if draft.get("merged_into"):
        return follow_merged(draft, rules)
    firing = draft.firing()
    was = draft.start.state
    if was == "tombstone":
        begins = firing or fired
        return begin(draft, rules, firing, fired=fired) if begins else "orphan_resolve"
    if was == "resolved":
        return _after_end(draft, rules, firing)
    if not firing:
        return end(draft, rules)
    draft.set(by_hand=False)
    fires_on(draft, rules)
    joined = _say_changes(draft, firing)
    reason = reprioritise(draft, rules, firing)
    if reason != "priority_raised":
        page_growth(draft, rules, after_silence=joined and draft.start.stale_at > 0)
    return reason


def _after_end(draft: Draft, rules: Rules, firing: list[Alert]) -> str:
    if firing:
        return reopen(draft, rules, firing, firing_again(firing))
    keep_priority(draft)
    return "echo_suspected" if draft.get("suspects") else "updated"


def _forget_suppressed(draft: Draft) -> None:
    """Stop silencing what a person resolved once it has resolved or changed."""
    suppressed: dict[str, int] = draft.get("suppressed")
    if not suppressed:
        return
    alerts: dict[str, Alert] = draft.get("alerts")
    quiet = {
        key: at
        for key, at in suppressed.items()
        if key in alerts and not alerts[key].resolved and alerts[key].starts_at == at
    }
    if quiet != suppressed:
        draft.set(suppressed=quiet)


def _say_changes(draft: Draft, firing: list[Alert]) -> bool:
    """Say what joined and left, a line for all of it; return whether any joined.

    Whoever has the incident is told in its thread of what joins; a storm is not a page of timeline.
    """
    before = {alert.fingerprint for alert in draft.start.firing()}
    after = {alert.fingerprint: alert for alert in firing}
    joined = [alert for key, alert in after.items() if key not in before]
    left = len(before - after.keys())
    parts = []
    if joined:
        names = ", ".join(describe(alert) for alert in joined[:3])
        parts.append(f"{len(joined)} more firing: {names}" + (", ..." if len(joined) > 3 else ""))  # noqa: PLR2004 - as many as are named
        draft.set(grown=draft.get("grown") + len(joined))
    if left:
        parts.append(f"{left} resolved")
    if parts:
        draft.say("joined" if _is_news(draft, joined) else "alerts_changed", "; ".join(parts))
    return bool(joined)


def _is_news(draft: Draft, joined: list[Alert]) -> bool:
    """Return whether whoever has the incident should hear of what joined."""
    if draft.get("flapping"):
        # That it comes and goes is said already.
        joined = [alert for alert in joined if alert.fingerprint not in draft.start.alerts]
    return bool(joined) and draft.get("state") in ("acknowledged", "snoozed")
