"""What becomes of an incident whose record could not be read: nothing is known of it but its id.

Its stand-in does no more than be shown until somebody resolves it. What its group reports goes to a
new generation, which pages: where nobody knows whether somebody was told, they are told.
"""

from typing import get_args

from routing.decision import Decision, Draft
from routing.episode import retire
from routing.event import Event, TimerDue
from routing.forgetting import forget_by_person
from routing.incident import Incident
from routing.person_event import Forgotten, PersonEvent, Resolved
from routing.rules import Rules
from routing.timers import timer_due
from routing.vocabulary import Kind, Reason

_BY_PEOPLE = get_args(PersonEvent)


def decide_damaged(stand_in: Incident, event: Event, now: int, rules: Rules) -> Decision:
    """Close the stand-in for a person, and forget it later; nothing else changes it."""
    draft = Draft(stand_in, stand_in, now)
    if isinstance(event, TimerDue) and event.task in stand_in.timers:
        return draft.done(timer_due(draft, event, rules))
    if isinstance(event, Forgotten):
        return draft.done(forget_by_person(draft, event, rules))
    if not isinstance(event, _BY_PEOPLE):
        return draft.done(Reason.UNKNOWN_INCIDENT)
    if not isinstance(event, Resolved) or stand_in.state == "resolved":
        return draft.done(
            Reason.ALREADY_RESOLVED if stand_in.state == "resolved" else Reason.DAMAGED
        )
    actor = event.actor
    draft.set(state="resolved", resolved_at=now, resolved_by=actor)
    retire(draft, rules)
    said = f"Closed by {actor.principal}: its record was damaged, what became of it is not known"
    draft.say(Kind.RESOLVED, said, actor, cause=event.cause)
    return draft.done(Reason.RESOLVED)
