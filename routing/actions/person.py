"""What people do to an incident. A click carries what its author saw; a stale one is refused."""

from collections.abc import Callable
from typing import Any

import msgspec

from routing import clocks
from routing.actions.common import clock_of, refusal
from routing.actions.silences import note_silence, note_silence_end
from routing.actions.snooze import end_snooze, snooze
from routing.decision import Draft
from routing.episode import observe_duration, observe_end, reopen, retire, silence
from routing.escalation import (
    answer_pages,
    page_by_hand,
    start_clocks,
)
from routing.incident_parts import Actor, Pin
from routing.interval import end_now
from routing.person_event import (
    Acknowledged,
    Denied,
    Escalated,
    Noted,
    PriorityChanged,
    Reassigned,
    Reopened,
    Resolved,
    Silenced,
    SilenceExpired,
    Snoozed,
    Unacknowledged,
)
from routing.rules import Rules
from routing.urgency import classified, follow_lower, raise_priority
from routing.vocabulary import Ended, Kind, PageReason, Reason, Timer

NOTES_MAX = 500
"""Notes of one incident; whoever has more to write keeps it elsewhere, and notes the link."""


def acknowledge(draft: Draft, event: Acknowledged, rules: Rules) -> Reason:
    """Somebody takes the incident: the resolve clock starts, pages go no further."""
    incident, actor = draft.start, event.actor
    refused = refusal(incident, event.episode)
    if refused:
        return refused
    if incident.state == "acknowledged":
        return _still_on_it(draft, actor, rules)
    was_on_it = incident.state == "snoozed" and incident.snoozed_from == "acknowledged"
    if incident.state == "snoozed":
        end_snooze(draft, rules)
    draft.set(state="acknowledged", acknowledged_at=draft.now, acknowledged_by=actor)
    draft.set(held_reason="")
    answer_pages(draft)
    clocks.settle(draft, Timer.ACKNOWLEDGE, Ended.MET, actor.ends)
    draft.stop(Timer.DELIVERY, Timer.ESCALATE, Timer.QUIET)
    clocks.resume(draft, clock_of(draft, rules))
    if not was_on_it:
        clocks.start(draft, clock_of(draft, rules), Timer.RESOLVE)
    clocks.remind_later(draft, clock_of(draft, rules))
    draft.say(Kind.ACKNOWLEDGED, f"Acknowledged by {actor.shown}", actor)
    _count_answer(draft, actor, rules)
    return Reason.ACKNOWLEDGED


def _count_answer(draft: Draft, actor: Actor, rules: Rules) -> None:
    """Count the first human answer; an automation's is counted as one, and leaves that one open."""
    human, incident = actor.ends == "human", draft.incident
    counted = incident.acknowledge_counted if human else incident.automation_counted
    if draft.start.acknowledge_counted or counted:
        return
    if human:
        draft.set(acknowledge_counted=True)
    else:
        draft.set(automation_counted=True)
    who = actor.name if human else ""
    observe_duration(draft, rules, "incident_acknowledge_duration_seconds", actor.ends, who)


def _still_on_it(draft: Draft, actor: Actor, rules: Rules) -> Reason:
    """Answer what was asked since, or take over what only automation had answered."""
    by = draft.start.acknowledged_by
    takes_over = actor.ends == "human" and by is not None and by.ends == "automatic"
    if not (draft.start.asks_again or takes_over):
        return Reason.ALREADY_ACKNOWLEDGED
    answer_pages(draft)
    draft.stop(Timer.DELIVERY)
    clocks.remind_later(draft, clock_of(draft, rules))
    if takes_over:
        draft.set(acknowledged_at=draft.now, acknowledged_by=actor)
        _count_answer(draft, actor, rules)
    words = f"Acknowledged by {actor.principal}" if takes_over else f"{actor.principal} is on it"
    draft.say(Kind.ACKNOWLEDGED, words, actor)
    return Reason.ACKNOWLEDGED


def unacknowledge(draft: Draft, event: Unacknowledged, rules: Rules) -> Reason:
    """Somebody gives it back: it needs an answer again, from the first step on."""
    refused = refusal(draft.start, event.episode)
    if refused or draft.start.state != "acknowledged":
        return refused or Reason.NOT_ACKNOWLEDGED
    draft.set(state="triggered", acknowledged_at=0, acknowledged_by=None, assigned_to=None)
    draft.set(unacknowledged_at=draft.now)
    draft.say(Kind.UNACKNOWLEDGED, f"Given back by {event.actor.principal}", event.actor)
    start_clocks(draft, clock_of(draft, rules), PageReason.UNACKNOWLEDGED, skip=event.notifier)
    return Reason.UNACKNOWLEDGED


def resolve_by_person(draft: Draft, event: Resolved, rules: Rules) -> Reason:
    """Somebody declares it over: what fires now is quiet until it resolves or changes."""
    incident, actor = draft.start, event.actor
    refused = refusal(incident, event.episode)
    if refused:
        return refused
    firing = 0 if incident.kind == "manual" else len(incident.firing())
    if incident.kind == "manual":
        _end_alerts(draft)
    silence(draft)
    draft.set(state="resolved", resolved_at=draft.now, resolved_by=actor)
    draft.set(snoozed_until=0, by_hand=False, flapping=False)
    clocks.end(draft, acknowledge=Ended.MET, resolve=Ended.MET, by=actor.ends)
    retire(draft, rules)
    still = f" while {firing} of its alerts still fire" if firing else ""
    why = f": {event.cause}" if event.cause else ""
    draft.say(Kind.RESOLVED, f"Resolved by {actor.shown}{still}{why}", actor, cause=event.cause)
    observe_end(draft, rules, actor.ends)
    return Reason.RESOLVED


def _end_alerts(draft: Draft) -> None:
    """Nobody but a person ends what a person opened."""
    alerts = draft.incident.alerts
    draft.set(alerts={key: end_now(alert, draft.now) for key, alert in alerts.items()})


def reopen_by_person(draft: Draft, event: Reopened, rules: Rules) -> Reason:
    """Somebody declares that it is not over: it stays open until a person or an alert ends it."""
    incident = draft.start
    if event.episode is not None and event.episode != incident.episode:
        return Reason.STALE
    if incident.state != "resolved" or incident.merged_into:
        return Reason.MERGED if incident.merged_into else Reason.ALREADY_OPEN
    draft.set(suppressed={}, by_hand=True)
    said = f"Reopened by {event.actor.principal}"
    return reopen(draft, rules, draft.incident.firing(), said, by=event.actor, skip=event.notifier)


def reassign(draft: Draft, event: Reassigned, rules: Rules) -> Reason:
    """Somebody else is to work on it; that is a sign of life, not an acknowledgement."""
    refused = refusal(draft.start, event.episode)
    if refused:
        return refused
    draft.set(assigned_to=event.assignee)
    clocks.remind_later(draft, clock_of(draft, rules))
    text = f"Assigned to {event.assignee.name} by {event.actor.principal}"
    draft.say(Kind.ASSIGNED, text, event.actor)
    return Reason.ASSIGNED


def escalate(draft: Draft, event: Escalated, rules: Rules) -> Reason:
    """Somebody wants the next step now, acknowledged or not."""
    incident = draft.start
    refused = refusal(incident, event.episode)
    if refused:
        return refused
    why = f": {event.reason}" if event.reason else ""
    draft.say(Kind.ESCALATED_BY, f"Escalated by {event.actor.principal}{why}", event.actor)
    if event.elsewhere:
        return Reason.ESCALATED
    if incident.state == "snoozed":
        end_snooze(draft, rules)
        clocks.remind_later(draft, clock_of(draft, rules))
    page_by_hand(draft, clock_of(draft, rules))
    return Reason.ESCALATED


def note(draft: Draft, event: Noted, rules: Rules) -> Reason:
    """Somebody writes something down, at any time; it settles the status update."""
    incident = draft.start
    if event.episode is not None and event.episode != incident.episode:
        return Reason.STALE
    if incident.notes >= NOTES_MAX:
        return Reason.TOO_MANY_NOTES
    draft.set(notes=incident.notes + 1)
    draft.say(Kind.NOTE, event.text, event.actor)
    if incident.is_open and event.actor.ends == "human":
        clocks.heard(draft, clock_of(draft, rules))
    return Reason.NOTED


def change_priority(draft: Draft, event: PriorityChanged, rules: Rules) -> Reason:
    """Somebody judges the urgency otherwise; it holds until an alert is more urgent than before."""
    refused = refusal(draft.start, event.episode)
    if refused:
        return refused
    before = draft.incident.priority
    if event.priority == before:
        return Reason.SAME_PRIORITY
    firing = draft.incident.firing()
    asked = classified(draft, rules, firing)[0] if firing else before
    if draft.incident.flapping:
        # What comes and goes is known to be as urgent as what flapping holds.
        asked = min(asked, before)
    why = f": {event.reason}" if event.reason else ""
    reason = f"set by {event.actor.principal}{why}"
    draft.set(pin=Pin(event.priority, asked, reason))
    draft.set(priority=event.priority, priority_reason=reason)
    if event.priority < before:
        return raise_priority(draft, rules, before, event.actor)
    draft.say(Kind.PRIORITY_SET, f"{before} to {event.priority}: {reason}", event.actor)
    follow_lower(draft, rules)
    return Reason.PRIORITY_LOWERED


def deny(draft: Draft, event: Denied, _rules: Rules) -> Reason:
    """Somebody asked for what is not theirs: it is kept for the audit, and tells nobody."""
    draft.say(Kind.DENIED, f"{event.actor.principal} may not {event.action}", event.actor)
    return Reason.DENIED


HANDLERS: dict[type[msgspec.Struct], Callable[[Draft, Any, Rules], Reason]] = {
    Acknowledged: acknowledge,
    Unacknowledged: unacknowledge,
    Resolved: resolve_by_person,
    Reopened: reopen_by_person,
    Snoozed: snooze,
    Reassigned: reassign,
    Escalated: escalate,
    Noted: note,
    PriorityChanged: change_priority,
    Silenced: note_silence,
    SilenceExpired: note_silence_end,
    Denied: deny,
}
"""What each event of a person does to an incident."""
