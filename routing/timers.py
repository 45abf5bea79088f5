"""What a due timer does to its incident."""

from collections.abc import Callable, Mapping

from routing import clocks, echo, escalation, interval, reach, status_page
from routing.actions.merge import told_target
from routing.actions.snooze import wake
from routing.alerts import Alerts
from routing.alerts_received import follow_alerts
from routing.decision import Draft
from routing.duration import format_duration
from routing.episode import calm_down, retire, watch_for_news
from routing.event import DeliveryFailed, Seen, TimerDue
from routing.forgetting import forget, is_needed
from routing.heartbeat import heartbeat_due
from routing.incident import describe, page_wanted
from routing.rules import Clock, Rules
from routing.vocabulary import Kind, PageReason, Reason, Timer


def timer_due(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Handle a due timer; one that was stopped or moved since is nothing but cleared."""
    due = draft.incident.timers.get(event.task)
    if due is None:
        draft.cancel.add(event.task)
        return Reason.TIMER_GONE
    if due > draft.now:
        # The agenda entry is early, for instance because the clock was set back: put it right.
        draft.schedule[event.task] = due
        return Reason.TIMER_EARLY
    handler = _TIMERS.get(event.task)
    # A newer release set it, and a replica of that release will know what to do.
    return handler(draft, event, rules) if handler is not None else Reason.TIMER_UNKNOWN


def _clock(draft: Draft, rules: Rules) -> Clock:
    return rules.clocks[draft.incident.priority]


def _acknowledge(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    escalation.acknowledge_passed(draft, _clock(draft, rules), event.paged)
    return Reason.DEADLINE_MISSED


def _resolve(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    clocks.miss(draft, _clock(draft, rules), Timer.RESOLVE)
    escalation.page_next(draft, _clock(draft, rules), PageReason.RESOLVE_DEADLINE, event.paged)
    return Reason.DEADLINE_MISSED


def _update(draft: Draft, _event: TimerDue, rules: Rules) -> Reason:
    """Nobody wrote how it goes: say so, and ask again when the next update is due."""
    clocks.miss(draft, _clock(draft, rules), Timer.UPDATE)
    status_page.remind(draft)
    clocks.start(draft, _clock(draft, rules), Timer.UPDATE)
    return Reason.DEADLINE_MISSED


def _escalate(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    draft.stop(Timer.ESCALATE)
    escalation.page_next(draft, _clock(draft, rules), PageReason.TIMER, event.paged)
    return Reason.ESCALATED


def _delivery(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Slow is failed: what was not delivered in time moves on, while its retries go on."""
    draft.stop(Timer.DELIVERY)
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
        return Reason.DELIVERED_IN_TIME
    for name in late:
        draft.say(Kind.DELIVERY_LATE, f"{name} has not confirmed the page in time")
    reach.nobody_yet(draft, _clock(draft, rules), event.paged, event.errors)
    # However many are late, the page moves on by one step; what is late may still arrive.
    escalation.page_next(draft, _clock(draft, rules), PageReason.SLOW, event.paged)
    return Reason.DELIVERY_LATE


def _quiet(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Quiet hours are over: page what waited for their end."""
    draft.stop(Timer.QUIET)
    escalation.page_held(draft, _clock(draft, rules), event.paged)
    return Reason.QUIET_HOURS_OVER


def _remind(draft: Draft, _event: TimerDue, rules: Rules) -> Reason:
    draft.stop(Timer.REMIND)
    if draft.incident.state != "acknowledged":
        return Reason.TIMER_GONE
    clock = _clock(draft, rules)
    if clock.quiet and not clock.calendar.is_open(draft.now):
        draft.timer(Timer.REMIND, clock.calendar.next_open(draft.now))
        return Reason.QUIET_HOURS
    escalation.ask_again(draft, clock)
    clocks.remind_later(draft, clock)
    return Reason.REMINDED


def _snooze(draft: Draft, _event: TimerDue, rules: Rules) -> Reason:
    return wake(draft, rules)


def _flap(draft: Draft, _event: TimerDue, rules: Rules) -> Reason:
    draft.stop(Timer.FLAP)
    return calm_down(draft, rules)


def _forget(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Forget a closed incident, unless it still keeps something quiet."""
    start = draft.start
    draft.stop(Timer.FORGET)
    if not rules.retention:
        return Reason.KEPT
    if start.resolved_at + rules.retention > draft.now:
        # It is to be kept for longer than when it ended.
        draft.timer(Timer.FORGET, start.resolved_at + rules.retention)
        return Reason.KEPT
    # What nobody reports any more needs no silence: a newer generation may have taken over.
    told = max(event.seen_at, start.seen_at) + rules.retention > draft.now
    if is_needed(start, told=told):
        retire(draft, rules)
        return Reason.KEPT
    forget(draft)
    return Reason.FORGOTTEN


def _merge(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    return told_target(draft, event, rules)


def _heartbeat(draft: Draft, event: TimerDue, _rules: Rules) -> Reason:
    return heartbeat_due(draft, event)


def _enrich(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Keep what was found out; whoever has the incident is brought up to date, and not rung."""
    draft.stop(Timer.ENRICH)
    draft.set(context=event.context)
    if rules.summarize:
        draft.timer(Timer.SUMMARIZE, draft.now)
    return Reason.ENRICHED if event.context else Reason.NOTHING_FOUND


def _summarize(draft: Draft, event: TimerDue, _rules: Rules) -> Reason:
    """Put the words in front of what they were made of."""
    draft.stop(Timer.SUMMARIZE)
    known = tuple(found for found in draft.incident.context if found.enricher != "summary")
    draft.set(context=(*event.context, *known))
    return Reason.ENRICHED if event.context else Reason.NOTHING_FOUND


def _stale(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Nobody reported it for long: ask Alertmanager, or at least say so."""
    seen = max(event.seen_at, draft.incident.seen_at)
    if seen + rules.stale_after > draft.now:
        draft.timer(Timer.STALE, seen + rules.stale_after)
        return Reason.STILL_REPORTED
    draft.stop(Timer.STALE)
    watch_for_news(draft, rules)
    if _end_elsewhere(draft, event.elsewhere):
        reason = follow_alerts(draft, rules)
        if not draft.incident.firing():
            return reason
    if event.alerts is None:
        if not draft.incident.stale_at:
            draft.set(stale_at=draft.now)
            silent = format_duration(rules.stale_after)
            draft.say(Kind.STALE, f"No news of it for {silent}: gone, silenced or inhibited")
        return Reason.STALE
    return _ask_alertmanager(draft, event.alerts, rules)


def _end_elsewhere(draft: Draft, elsewhere: Mapping[str, str]) -> bool:
    """End what is reported in another incident by now; return whether there is any such alert.

    Whoever changes routes or group_by in Alertmanager while something fires gets a new group, and
    nothing is ever said of the old one again.
    """
    alerts = draft.incident.alerts
    moved = {
        alert.fingerprint: alert
        for alert in draft.incident.firing()
        if alert.fingerprint in elsewhere
    }
    if not moved:
        return False
    for incident in sorted({elsewhere[key] for key in moved}):
        names = sorted({describe(of) for key, of in moved.items() if elsewhere[key] == incident})
        draft.say(Kind.CONTINUED, f"Reported in {incident} now: {', '.join(names[:5])}")
    over = {key: interval.end_now(alerts[key], draft.now, known=False) for key in moved}
    draft.set(alerts=Alerts.of(alerts).changed(over))
    return True


def _ask_alertmanager(draft: Draft, answers: Mapping[str, Seen], rules: Rules) -> Reason:
    alerts = draft.incident.alerts
    firing = {alert.fingerprint: alert for alert in draft.start.watched()}
    said = {
        key: _words(answers[key])
        for key in firing
        if key in answers and answers[key].state != "active"
    }
    gone = [key for key in said if answers[key].state == "gone"]
    known = draft.incident.vanished
    for words in sorted({words for key, words in said.items() if known.get(key) != words}):
        names = sorted({describe(firing[key]) for key, how in said.items() if how == words})
        draft.say(Kind.VANISHED, f"Alertmanager says {words}: {', '.join(names[:5])}")
    draft.set(vanished=said, stale_at=draft.now if said else 0)
    if not gone or not rules.resolve_gone:
        return Reason.STALE if said else Reason.STILL_REPORTED
    over = {key: interval.end_now(alerts[key], draft.now, known=False) for key in gone}
    draft.set(alerts=Alerts.of(alerts).changed(over))
    return follow_alerts(draft, rules)


def _words(answer: Seen) -> str:
    by = f" by {', '.join(answer.by[:3])}" if answer.by else ""
    return f"{answer.state}{by}"


def _echo(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """Believe suspects that Alertmanager knows, or that nobody contradicted; drop what is gone."""
    suspected = draft.incident.suspected
    answers = event.alerts or {}
    draft.stop(Timer.ECHO)
    gone = {key: one for key, one in suspected.items() if key in answers and _is_gone(answers[key])}
    ripe = {
        key: one
        for key, one in suspected.items()
        if key not in gone and (key in answers or echo.due(one, rules) <= draft.now)
    }
    left = {key: one for key, one in suspected.items() if key not in gone and key not in ripe}
    draft.set(suspected=left)
    if left:
        draft.timer(Timer.ECHO, min(echo.due(one, rules) for one in left.values()))
    if gone:
        names = echo.named(one.alert for one in gone.values())
        draft.say(Kind.ECHO_DROPPED, f"Alertmanager says it is over: {names}")
    if not ripe:
        return Reason.ECHO_DROPPED if gone else Reason.TIMER_EARLY
    alerts = draft.incident.alerts
    former = draft.incident.former
    believed = {
        key: interval.believe(alerts.get(key) or former.get(key), one.alert, one.since, draft.now)
        for key, one in ripe.items()
    }
    draft.set(alerts=Alerts.of(alerts).changed(believed))
    names = echo.named(one.alert for one in ripe.values())
    draft.say(Kind.ECHO_BELIEVED, f"It fires although its end was reported: {names}")
    return follow_alerts(draft, rules)


def _is_gone(answer: Seen) -> bool:
    return answer.state == "gone"


def delivery_failed(draft: Draft, event: DeliveryFailed, rules: Rules) -> Reason:
    """Say that a notifier gave up; a page of it moves on."""
    page = draft.incident.pages.get(event.notifier)
    draft.skip.add(event.notifier)
    draft.say(Kind.DELIVERY_FAILED, f"{event.notifier}: {event.reason}")
    if page is not None and event.seq == page.seq and page.failed_seq < page.seq:
        escalation.undelivered(draft, _clock(draft, rules), event.notifier, event.paged)
        reach.nobody_yet(draft, _clock(draft, rules), event.paged, event.errors)
        if draft.incident.pages[event.notifier].seq > event.seq:
            draft.skip.discard(event.notifier)
    return Reason.DELIVERY_FAILED


_TIMERS: Mapping[str, Callable[[Draft, TimerDue, Rules], Reason]] = {
    Timer.ACKNOWLEDGE: _acknowledge,
    Timer.RESOLVE: _resolve,
    Timer.UPDATE: _update,
    Timer.ESCALATE: _escalate,
    Timer.DELIVERY: _delivery,
    Timer.QUIET: _quiet,
    Timer.REMIND: _remind,
    Timer.SNOOZE: _snooze,
    Timer.FLAP: _flap,
    Timer.STALE: _stale,
    Timer.ECHO: _echo,
    Timer.MERGE: _merge,
    Timer.HEARTBEAT: _heartbeat,
    Timer.FORGET: _forget,
    Timer.ENRICH: _enrich,
    Timer.SUMMARIZE: _summarize,
}
