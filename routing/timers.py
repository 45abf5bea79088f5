"""What a due timer does to its incident."""

from collections.abc import Callable, Mapping

from routing import clocks, echo, escalation, interval, reach, status_page
from routing.actions.merge import told_target
from routing.actions.person import wake
from routing.alert import Alert
from routing.alerts_received import follow_alerts
from routing.decision import Draft
from routing.duration import format_duration
from routing.episode import calm_down, retire, watch_for_news
from routing.event import DeliveryFailed, Seen, TimerDue
from routing.forgetting import forget, is_needed
from routing.heartbeat import heartbeat_due
from routing.incident import describe, page_wanted
from routing.incident_parts import Suspect
from routing.rules import Clock, Rules


def timer_due(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Handle a due timer; one that was stopped or moved since is nothing but cleared."""
    due = draft.incident.timers.get(event.task)
    if due is None:
        draft.cancel.add(event.task)
        return "timer_gone"
    if due > draft.now:
        # The agenda entry is early, for instance because the clock was set back: put it right.
        draft.timer(event.task, due)
        return "timer_early"
    handler = _TIMERS.get(event.task)
    # A newer release set it, and a replica of that release will know what to do.
    return handler(draft, event, rules) if handler is not None else "timer_unknown"


def _clock(draft: Draft, rules: Rules) -> Clock:
    return rules.clocks[draft.incident.priority]


def _acknowledge(draft: Draft, event: TimerDue, rules: Rules) -> str:
    escalation.acknowledge_passed(draft, _clock(draft, rules), event.paged)
    return "deadline_missed"


def _resolve(draft: Draft, event: TimerDue, rules: Rules) -> str:
    clocks.miss(draft, _clock(draft, rules), "resolve")
    escalation.page_next(draft, _clock(draft, rules), "resolve_deadline", event.paged)
    return "deadline_missed"


def _update(draft: Draft, _event: TimerDue, rules: Rules) -> str:
    """Nobody wrote how it goes: say so, and ask again when the next update is due."""
    clocks.miss(draft, _clock(draft, rules), "update")
    status_page.remind(draft)
    clocks.start(draft, _clock(draft, rules), "update")
    return "deadline_missed"


def _escalate(draft: Draft, event: TimerDue, rules: Rules) -> str:
    draft.stop("escalate")
    escalation.page_next(draft, _clock(draft, rules), "timer", event.paged)
    return "escalated"


def _delivery(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Slow is failed: what was not delivered in time moves on, while its retries go on."""
    draft.stop("delivery")
    step, state = draft.incident.step, draft.incident.state
    pages = {
        name: page for name, page in reach.episode_pages(draft).items() if page_wanted(state, page)
    }
    late = [
        name
        for name, page in pages.items()
        if page.step == step and page.failed_seq < page.seq and event.paged.get(name, 0) < page.seq
    ]
    in_time = not late and reach.is_reached(pages, event.paged)
    if in_time or not pages:
        return "delivered_in_time"
    for name in late:
        draft.say("delivery_late", f"{name} has not confirmed the page in time")
    reach.nobody_yet(draft, _clock(draft, rules), event.paged, event.errors)
    # However many are late, the page moves on by one step; what is late may still arrive.
    escalation.page_next(draft, _clock(draft, rules), "slow", event.paged)
    return "delivery_late"


def _quiet(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Quiet hours are over: page what waited for their end."""
    draft.stop("quiet")
    escalation.page_held(draft, _clock(draft, rules), event.paged)
    return "quiet_hours_over"


def _remind(draft: Draft, _event: TimerDue, rules: Rules) -> str:
    draft.stop("remind")
    if draft.incident.state != "acknowledged":
        return "timer_gone"
    clock = _clock(draft, rules)
    if clock.quiet and not clock.calendar.is_open(draft.now):
        draft.timer("remind", clock.calendar.next_open(draft.now))
        return "quiet_hours"
    escalation.ask_again(draft, clock)
    clocks.remind_later(draft, clock)
    return "reminded"


def _snooze(draft: Draft, _event: TimerDue, rules: Rules) -> str:
    return wake(draft, rules)


def _flap(draft: Draft, _event: TimerDue, rules: Rules) -> str:
    draft.stop("flap")
    return calm_down(draft, rules)


def _forget(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Forget a closed incident, unless it still keeps something quiet."""
    start = draft.start
    draft.stop("forget")
    if not rules.retention:
        return "kept"
    if start.resolved_at + rules.retention > draft.now:
        # It is to be kept for longer than when it ended.
        draft.timer("forget", start.resolved_at + rules.retention)
        return "kept"
    # What nobody reports any more needs no silence: a newer generation may have taken over.
    told = max(event.seen_at, start.seen_at) + rules.retention > draft.now
    if is_needed(start, told=told):
        retire(draft, rules)
        return "kept"
    forget(draft)
    return "forgotten"


def _merge(draft: Draft, event: TimerDue, rules: Rules) -> str:
    return told_target(draft, event, rules)


def _heartbeat(draft: Draft, event: TimerDue, _rules: Rules) -> str:
    return heartbeat_due(draft, event)


def _enrich(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Keep what was found out; whoever has the incident is brought up to date, and not rung."""
    draft.stop("enrich")
    draft.set(context=event.context)
    if rules.summarize:
        draft.timer("summarize", draft.now)
    return "enriched" if event.context else "nothing_found"


def _summarize(draft: Draft, event: TimerDue, _rules: Rules) -> str:
    """Put the words in front of what they were made of."""
    draft.stop("summarize")
    known = tuple(found for found in draft.incident.context if found.enricher != "summary")
    draft.set(context=(*event.context, *known))
    return "enriched" if event.context else "nothing_found"


def _stale(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Nobody reported it for long: ask Alertmanager, or at least say so."""
    seen = max(event.seen_at, draft.incident.seen_at)
    if seen + rules.stale_after > draft.now:
        draft.timer("stale", seen + rules.stale_after)
        return "still_reported"
    draft.stop("stale")
    watch_for_news(draft, rules)
    if _end_elsewhere(draft, event.elsewhere):
        reason = follow_alerts(draft, rules)
        if not draft.incident.firing():
            return reason
    if event.alerts is None:
        if not draft.incident.stale_at:
            draft.set(stale_at=draft.now)
            silent = format_duration(rules.stale_after)
            draft.say("stale", f"No news of it for {silent}: gone, silenced or inhibited")
        return "stale"
    return _ask_alertmanager(draft, event.alerts, rules)


def _end_elsewhere(draft: Draft, elsewhere: Mapping[str, str]) -> bool:
    """End what is reported in another incident by now; return whether there is any such alert.

    Whoever changes routes or group_by in Alertmanager while something fires gets a new group, and
    nothing is ever said of the old one again.
    """
    alerts: dict[str, Alert] = draft.incident.alerts
    moved = {
        alert.fingerprint: alert
        for alert in draft.incident.firing()
        if alert.fingerprint in elsewhere
    }
    if not moved:
        return False
    for incident in sorted({elsewhere[key] for key in moved}):
        names = sorted({describe(of) for key, of in moved.items() if elsewhere[key] == incident})
        draft.say("continued", f"Reported in {incident} now: {', '.join(names[:5])}")
    over = {key: interval.end_now(alerts[key], draft.now, known=False) for key in moved}
    draft.set(alerts={**alerts, **over})
    return True


def _ask_alertmanager(draft: Draft, answers: Mapping[str, Seen], rules: Rules) -> str:
    alerts: dict[str, Alert] = draft.incident.alerts
    firing = {alert.fingerprint: alert for alert in draft.start.watched()}
    said = {
        key: _words(answers[key])
        for key in firing
        if key in answers and answers[key].state != "active"
    }
    gone = [key for key in said if answers[key].state == "gone"]
    known: dict[str, str] = draft.incident.vanished
    for words in sorted({words for key, words in said.items() if known.get(key) != words}):
        names = sorted({describe(firing[key]) for key, how in said.items() if how == words})
        draft.say("vanished", f"Alertmanager says {words}: {', '.join(names[:5])}")
    draft.set(vanished=said, stale_at=draft.now if said else 0)
    if not gone or not rules.resolve_gone:
        return "stale" if said else "still_reported"
    over = {key: interval.end_now(alerts[key], draft.now, known=False) for key in gone}
    draft.set(alerts={**alerts, **over})
    return follow_alerts(draft, rules)


def _words(answer: Seen) -> str:
    by = f" by {', '.join(answer.by[:3])}" if answer.by else ""
    return f"{answer.state}{by}"


def _echo(draft: Draft, event: TimerDue, rules: Rules) -> str:
    """Believe suspects that Alertmanager knows, or that nobody contradicted; drop what is gone."""
    suspected: dict[str, Suspect] = draft.incident.suspected
    answers = event.alerts or {}
    draft.stop("echo")
    gone = {key: one for key, one in suspected.items() if key in answers and _is_gone(answers[key])}
    ripe = {
        key: one
        for key, one in suspected.items()
        if key not in gone and (key in answers or echo.due(one, rules) <= draft.now)
    }
    left = {key: one for key, one in suspected.items() if key not in gone and key not in ripe}
    draft.set(suspected=left)
    if left:
        draft.timer("echo", min(echo.due(one, rules) for one in left.values()))
    if gone:
        names = echo.named(one.alert for one in gone.values())
        draft.say("echo_dropped", f"Alertmanager says it is over: {names}")
    if not ripe:
        return "echo_dropped" if gone else "timer_early"
    alerts: dict[str, Alert] = draft.incident.alerts
    former: dict[str, Alert] = draft.incident.former
    believed = {
        key: interval.believe(alerts.get(key) or former.get(key), one.alert, one.since, draft.now)
        for key, one in ripe.items()
    }
    draft.set(alerts={**alerts, **believed})
    names = echo.named(one.alert for one in ripe.values())
    draft.say("echo_believed", f"It fires although its end was reported: {names}")
    return follow_alerts(draft, rules)


def _is_gone(answer: Seen) -> bool:
    return answer.state == "gone"


def delivery_failed(draft: Draft, event: DeliveryFailed, rules: Rules) -> str:
    """Say that a notifier gave up; a page of it moves on."""
    page = draft.incident.pages.get(event.notifier)
    draft.skip.add(event.notifier)
    draft.say("delivery_failed", f"{event.notifier}: {event.reason}")
    if page is not None and event.seq == page.seq and page.failed_seq < page.seq:
        escalation.undelivered(draft, _clock(draft, rules), event.notifier, event.paged)
        reach.nobody_yet(draft, _clock(draft, rules), event.paged, event.errors)
        if draft.incident.pages[event.notifier].seq > event.seq:
            draft.skip.discard(event.notifier)
    return "delivery_failed"


_TIMERS: dict[str, Callable[[Draft, TimerDue, Rules], str]] = {
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "update": _update,
    "escalate": _escalate,
    "delivery": _delivery,
    "quiet": _quiet,
    "remind": _remind,
    "snooze": _snooze,
    "flap": _flap,
    "stale": _stale,
    "echo": _echo,
    "merge": _merge,
    "heartbeat": _heartbeat,
    "forget": _forget,
    "enrich": _enrich,
    "summarize": _summarize,
}
TIMER_TASKS = tuple(_TIMERS)
