"""What a snapshot of alerts does to an incident: open, update, resolve, reopen, or nothing.

How copies of one alert are joined is in ``interval``; a firing copy of what is over by an end that
is known is an echo, or news, and waits (``echo``).
"""

from collections import ChainMap

from routing import echo, interval, reach, status_page
from routing.actions.merge import follow_merged, is_merged_open
from routing.alert import Alert, summarized
from routing.alerts import Alerts
from routing.alerts_told import RESOLVED_KEPT, bound, say_changes, say_summarized
from routing.always_firing import REASON
from routing.decision import Decision, Draft
from routing.episode import begin, end, fires_on, firing_again, reopen
from routing.event import AlertsReceived
from routing.growth import page_growth
from routing.incident import SCHEMA, Incident
from routing.rules import Rules
from routing.urgency import keep_priority, reprioritise
from routing.vocabulary import Kind, Reason


def decide_alerts(base: Incident | None, event: AlertsReceived, now: int, rules: Rules) -> Decision:
    """Join the snapshot into the incident, and follow it; see the module's docstring."""
    start = base if base is not None else _fresh(event, 1, rules)
    if start.damage is not None:
        if all(alert.resolved for alert in event.alerts):
            return Decision(Reason.ORPHAN_RESOLVE, base, base)
        # Of what was before nothing is known: it begins anew, and pages.
        start = _fresh(event, start.generation + 1, rules)
    draft = Draft(base, start, now)
    # Any firing copy says that a tombstone's group did fire, even one older than the resolve.
    fired = start.state == "tombstone" and any(not alert.resolved for alert in event.alerts)
    merged = _merge(draft, event, _incoming(start, event), rules)
    if not (_seen_again(draft, event) or merged or fired):
        return draft.done(Reason.REPEAT)
    draft.set(seen_at=now)
    # While the timer of a suspected echo runs, the old incident may reopen by itself: what fires
    # meanwhile belongs to it, or the group would have two open incidents.
    over = start.state == "resolved" and not start.suspected and not is_merged_open(start)
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
    draft.say(Kind.REPORTED_AGAIN, "Reported again")
    return True


def _next_generation(draft: Draft, event: AlertsReceived, rules: Rules) -> Draft:
    """Return the draft of a new incident when anything fires, else the one given.

    It takes over what this snapshot tells of and what a person silenced, or telling the snapshot
    once more would change it, and the latest changes: what flaps does so under any id. Everything
    else that is over stays behind, but for its times: a late firing copy of it is an echo here too.
    """
    alerts = draft.incident.alerts
    if not draft.incident.firing():
        return draft
    told = {alert.fingerprint for alert in event.alerts}
    fresh = Draft(draft.base, _fresh(event, draft.start.generation + 1, rules), draft.now)
    fresh.set(
        alerts={key: alert for key, alert in alerts.items() if not alert.resolved or key in told},
        former=_former(draft),
        suppressed=draft.incident.suppressed,
        changes=draft.incident.changes,
        seen_at=draft.now,
    )
    echo.watch(fresh, draft.incident.suspected, rules)
    return fresh


def _former(draft: Draft) -> dict[str, Alert]:
    over = {key: summarized(one) for key, one in draft.incident.alerts.items() if one.resolved}
    known: dict[str, Alert] = {**draft.incident.former, **over}
    newest = sorted(known, key=lambda key: (interval.last_end(known[key]), key))[-RESOLVED_KEPT:]
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
        sent_by=event.sent_by,
    )


def _merge(draft: Draft, event: AlertsReceived, incoming: tuple[Alert, ...], rules: Rules) -> bool:
    """Join the copies into the draft's alerts; return whether anything is different now."""
    start = draft.start
    alerts, former = Alerts.of(start.alerts), dict(start.former)
    suspected, told_again = dict(start.suspected), list[Alert]()
    news: dict[str, Alert] = {}
    for copy in incoming:
        key = copy.fingerprint
        known = news.get(key) or alerts.get(key) or former.get(key)
        joined = interval.join(known, copy, draft.now)
        suspect = suspected.get(key)
        if joined.resolved and not copy.resolved and event.kind == "alert":
            # Nobody but this service tells of heartbeats and of what people open: no echoes there.
            if suspect is None or not echo.is_told_again(suspect, draft.now, rules):
                told_before = interval.knows_start(known, copy.starts_at)
                suspected[key] = echo.suspect(suspect, copy, draft.now, known_start=told_before)
            else:
                joined = interval.believe(known, copy, suspect.since, draft.now)
                told_again.append(joined)
        if suspect is not None and (
            not joined.resolved
            or (copy.resolved and echo.is_contradicted(suspect, copy, known, joined, draft.now))
        ):
            del suspected[key]
        here = key in news or key in alerts or key not in former or not joined.resolved
        (news if here else former)[key] = joined
    if start.is_open and any(key not in start.suspected for key in suspected):
        # Too many contradictions are no echoes: it comes and goes, and whoever tells is behind.
        told_again += echo.believe_flapping(draft, ChainMap(news, alerts), suspected, rules)
    news = {key: alert for key, alert in news.items() if alert != alerts.get(key)}
    if news or suspected != start.suspected:
        alerts = alerts.changed(news)
        bound(alerts, suspected)
    if alerts != start.alerts:
        draft.set(alerts=alerts)
        say_summarized(draft)
    if former != start.former:
        draft.set(former=former)
    echo.watch(draft, suspected, rules)
    echo.say_outcome(draft, told_again)
    return bool(draft.fields)


def follow_alerts(draft: Draft, rules: Rules, *, fired: bool = False) -> Reason:
    """Bring state, priority and clocks in line with the draft's alerts; return what happened.

    ``fired``: a firing copy came for a tombstone, whether or not it still counts.
    """
    _forget_suppressed(draft, rules)
    if draft.incident.merged_into:
        return follow_merged(draft, rules)
    firing = draft.incident.firing()
    was = draft.start.state
    if was == "tombstone":
        begins = firing or fired
        return begin(draft, rules, firing, fired=fired) if begins else Reason.ORPHAN_RESOLVE
    if was == "resolved":
        return _after_end(draft, rules, firing)
    if not firing:
        return end(draft, rules)
    draft.set(by_hand=False)
    fires_on(draft, rules)
    joined = say_changes(draft)
    reason = reprioritise(draft, rules, firing)
    if reason != "priority_raised":
        page_growth(draft, rules, after_silence=joined and draft.start.stale_at > 0)
    return reason


def _after_end(draft: Draft, rules: Rules, firing: list[Alert]) -> Reason:
    if firing:
        return reopen(draft, rules, firing, firing_again(firing))
    keep_priority(draft)
    return Reason.ECHO_SUSPECTED if draft.incident.suspected else Reason.UPDATED


def _forget_suppressed(draft: Draft, rules: Rules) -> None:
    """Stop silencing what a person resolved once it has ended, or is another firing by its start.

    The start alone may move: another replica's half of the same firing began a little later.
    """
    suppressed = draft.incident.suppressed
    if not suppressed:
        return
    before = draft.base or draft.start
    alerts = draft.incident.alerts
    until = before.resolved_at or before.episode_opened_at
    quiet, anew = {}, {}
    for key, since in suppressed.items():
        known = alerts.get(key)
        if known is None or not interval.goes_on(before.alerts.get(key), known):
            continue
        moved = known.starts_at
        if moved == since or moved < min(until, since + rules.peer_window):
            quiet[key] = moved
        else:
            anew[key] = interval.begun_after(known, since)
    if quiet != suppressed:
        draft.set(suppressed=quiet)
    if anew:
        draft.set(alerts=Alerts.of(alerts).changed(anew))
