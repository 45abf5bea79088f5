"""Forgetting an incident for good: when its time has come, or because a person says so."""

from routing.actions.merge import is_merged_open
from routing.decision import Draft
from routing.incident import Incident
from routing.person_event import Forgotten
from routing.rules import Rules
from routing.vocabulary import Kind, Reason


def forget(draft: Draft) -> None:
    """Leave nothing of the incident: record, timeline, receipts, agenda and indexes go."""
    draft.stop_all()
    pages = draft.incident.pages
    draft.skip.update(pages)
    draft.cancel.update(f"notify:{name}" for name in pages)
    draft.forget = True


def is_needed(incident: Incident, *, told: bool = True) -> bool:
    """Return whether it is open, or keeps something quiet; ``told``: of which it is still told."""
    quiet = bool(incident.suppressed) and told
    return incident.is_open or quiet or bool(incident.suspected) or is_merged_open(incident)


def forget_by_person(draft: Draft, event: Forgotten, _rules: Rules) -> Reason:
    """Forget it now. One that is needed goes only by force: what still fires then opens anew.

    What PagerDuty and Slack have of it stays there as it is; of an open one that is an open alert.
    """
    start = draft.start
    if event.episode is not None and event.episode != start.episode:
        return Reason.STALE
    if is_needed(start) and not event.force:
        return Reason.STILL_OPEN if start.is_open else Reason.KEEPS_ALERTS_QUIET
    if start.is_open:
        # It counts as open nowhere any more.
        draft.set(state="resolved", resolved_at=draft.now, resolved_by=event.actor)
    draft.say(Kind.FORGOTTEN, f"Forgotten by {event.actor.principal}", event.actor)
    forget(draft)
    return Reason.FORGOTTEN
