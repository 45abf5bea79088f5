"""Firing copies of what is over: an echo, or news? One is suspected until somebody knows.

A peer of Alertmanager that lags sends such a copy and takes it back with its next group_interval;
a clock that was set back, or half a pair of Prometheis that fires on, sends the only copy there
will be for hours. So none counts for nothing: Alertmanager is asked at once where there is one to
ask; else a copy counts after ``peer_window`` when its start is that of a firing that ended, and
after ``echo_window`` when nobody told of that start before, or when it is told again by then.
Where it comes and goes all the time (``flapping``), such starts are no echoes and count at once.
"""

from collections.abc import Iterable, MutableMapping

import msgspec

from routing import interval
from routing.alert import Alert
from routing.decision import Draft
from routing.duration import format_duration
from routing.flapping import count_change
from routing.incident import describe
from routing.incident_parts import Suspect
from routing.rules import Rules
from routing.vocabulary import Kind, Timer


def due(suspect: Suspect, rules: Rules) -> int:
    """Return from when on (ms) a suspect counts unless somebody contradicts it."""
    return suspect.since + (rules.peer_window if suspect.known else rules.echo_window)


def suspect(known: Suspect | None, copy: Alert, now: int, *, known_start: bool) -> Suspect:
    """Return the suspect that a firing copy of what is over is, or (``known``) still is."""
    if known is None:
        return Suspect(copy, now, known_start)
    return msgspec.structs.replace(known, alert=copy, known=known.known and known_start)


def is_told_again(suspect: Suspect, now: int, rules: Rules) -> bool:
    """Return whether a copy that comes now is more than the same one, sent twice."""
    return now >= suspect.since + rules.echo_window


def is_contradicted(
    suspect: Suspect, resolved: Alert, before: Alert | None, after: Alert, now: int
) -> bool:
    """Return whether a resolved copy says that a suspect is over.

    An end that was not known ``before`` does. An older one does if its copy is of that firing, or
    is what ended it: half a pair of Prometheis tells another start.
    """
    start = suspect.alert.starts_at
    if interval.last_end(after) > interval.last_end(before):
        return True
    ended = suspect.known and start < (resolved.ends_at or now)
    return ended or interval.takes_back(before, resolved, start, now)


def believe_flapping(
    draft: Draft, alerts: MutableMapping[str, Alert], suspected: dict[str, Suspect], rules: Rules
) -> list[Alert]:
    """Count new suspects as a change; believe those of starts not told before, if it flaps.

    Changes both mappings, and returns the alerts that fire by it.
    """
    found = {
        key: one
        for key, one in suspected.items()
        if key not in draft.start.suspected and not one.known and key in alerts
    }
    if found:
        count_change(draft, rules)
    if not draft.incident.flapping:
        return []
    for key, one in found.items():
        alerts[key] = interval.believe(alerts[key], one.alert, one.since, draft.now)
        del suspected[key]
    return [alerts[key] for key in found]


def watch(draft: Draft, suspected: dict[str, Suspect], rules: Rules) -> None:
    """Set what is suspected, and when to look at it next."""
    known = draft.start.suspected
    if suspected == known:
        return
    draft.set(suspected=suspected)
    if not suspected:
        draft.stop(Timer.ECHO)
        return
    fresh = [suspect for key, suspect in suspected.items() if key not in known]
    at = min(due(suspect, rules) for suspect in suspected.values())
    if fresh and rules.asks:
        at = draft.now
    draft.timer(Timer.ECHO, min(at, draft.incident.timers.get(Timer.ECHO, at)))
    if fresh:
        _say_suspected(draft, fresh, rules)


def _say_suspected(draft: Draft, fresh: list[Suspect], rules: Rules) -> None:
    names = named(suspect.alert for suspect in fresh)
    wait = format_duration(max(due(suspect, rules) for suspect in fresh) - draft.now)
    late = "it counts"
    if any(suspect.known for suspect in fresh):
        late = "a late copy of another Alertmanager? It counts"
    if rules.asks:
        late = f"Alertmanager is asked; {late}"
    draft.say(
        Kind.ECHO_SUSPECTED,
        f"Reported as firing after its end: {names}. {late[0].upper()}{late[1:]} in {wait} unless"
        " it is reported as resolved again",
    )


def say_outcome(draft: Draft, told_again: list[Alert]) -> None:
    """Say of which suspects a notification says that they fire (told again), or are over."""
    if told_again:
        draft.say(
            Kind.ECHO_BELIEVED, f"Reported again as firing after its end: {named(told_again)}"
        )
    alerts = draft.incident.alerts
    left = draft.incident.suspected
    over = [
        suspect.alert
        for key, suspect in draft.start.suspected.items()
        if key not in left and (key not in alerts or alerts[key].resolved)
    ]
    if over:
        draft.say(Kind.ECHO_DROPPED, f"Reported as resolved again: {named(over)}")


def named(alerts: Iterable[Alert]) -> str:
    """Return up to five names of alerts."""
    return ", ".join(sorted({describe(alert) for alert in alerts})[:5])
