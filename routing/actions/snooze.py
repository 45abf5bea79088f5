"""A snooze, and its end."""

from routing import clocks
from routing.actions.common import clock_of, refusal
from routing.decision import Draft
from routing.duration import format_moment
from routing.escalation import (
    arm_next,
    held_for,
    page_again,
    page_next,
)
from routing.growth import page_growth
from routing.incident import page_wanted
from routing.person_event import (
    Snoozed,
)
from routing.rules import Clock, Rules
from routing.vocabulary import Kind, PageReason, Reason, Timer

SNOOZE_MAX = 30 * 86_400_000
"""Milliseconds a snooze may last: beyond a month it is forgotten, not put off."""


def snooze(draft: Draft, event: Snoozed, rules: Rules) -> Reason:
    """All clocks stand still until a time, or until the calendar's next working hours."""
    incident = draft.start
    refused = refusal(incident, event.episode)
    if refused:
        return refused
    clock = clock_of(draft, rules)
    until = event.until or _working_hours(draft, clock)
    if until <= draft.now:
        return Reason.NO_SUCH_TIME
    until = min(until, draft.now + SNOOZE_MAX)
    if incident.state != "snoozed":
        draft.set(snoozed_from=incident.state, snoozed_at=draft.now)
        clocks.pause(draft, clock)
    draft.set(state="snoozed", snoozed_until=until)
    draft.timer(Timer.SNOOZE, until)
    text = f"Snoozed by {event.actor.principal} until {format_moment(until)}"
    draft.say(Kind.SNOOZED, text, event.actor)
    return Reason.SNOOZED


def _working_hours(draft: Draft, clock: Clock) -> int:
    """Return when work begins next; during working hours, after their end. 0: it never pauses."""
    calendar = clock.calendar
    closing = calendar.next_close(draft.now) if calendar.is_open(draft.now) else draft.now
    return 0 if closing is None else calendar.next_open(closing)


def wake(draft: Draft, rules: Rules) -> Reason:
    """The snooze is over: who had nobody on it pages again, who was on it is reminded."""
    end_snooze(draft, rules)
    draft.say(Kind.SNOOZE_ENDED, "The snooze is over", via="automatic")
    clock = clock_of(draft, rules)
    if draft.incident.state == "triggered":
        page_again(draft, clock, PageReason.SNOOZE_ENDED)
    else:
        clocks.remind_later(draft, clock)
        if draft.incident.held_reason:
            page_next(draft, clock, held_for(draft.incident))
        elif any(page_wanted("acknowledged", page) for page in draft.incident.pages.values()):
            # It asked somebody who is on it already, and nobody answered before the snooze.
            page_again(draft, clock, PageReason.SNOOZE_ENDED)
        else:
            page_growth(draft, rules)
    return Reason.SNOOZE_ENDED


def end_snooze(draft: Draft, rules: Rules) -> None:
    """Return to the state before the snooze, with all clocks running on."""
    slept = draft.now - draft.incident.snoozed_at
    draft.stop(Timer.SNOOZE)
    answered = draft.incident.snoozed_from == "acknowledged"
    draft.set(state="acknowledged" if answered else "triggered", snoozed_until=0, snoozed_from="")
    draft.set(clock_started_at=draft.incident.clock_started_at + slept)
    clock = clock_of(draft, rules)
    clocks.resume(draft, clock)
    clocks.start_missing(draft, clock)
    arm_next(draft, clock, draft.incident.step + 1)
