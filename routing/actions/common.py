"""What the decisions on people's events have in common."""

from routing.decision import Draft
from routing.incident import Incident
from routing.rules import Clock, Rules
from routing.vocabulary import Reason


def refusal(incident: Incident, episode: int | None) -> Reason | None:
    """Return why an event of a person changes nothing, None if it may."""
    if episode is not None and episode != incident.episode:
        return Reason.STALE
    if incident.merged_into:
        return Reason.MERGED
    return Reason.ALREADY_RESOLVED if incident.state == "resolved" else None


def clock_of(draft: Draft, rules: Rules) -> Clock:
    """Return the calendar and policy that hold for the incident now."""
    return rules.clocks[draft.incident.priority]
