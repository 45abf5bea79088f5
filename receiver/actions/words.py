"""What became of a request, in words for whoever asked, the same on every face."""

from collections.abc import Mapping

from receiver.engine.batch_queue import Outcome
from routing.vocabulary import Reason

DONE: Mapping[str, str] = {
    Reason.ACKNOWLEDGED: "Acknowledged.",
    Reason.ACTION_ITEM_ADDED: "Kept as an action item.",
    Reason.ACTION_ITEM_CHANGED: "The action item is changed.",
    Reason.ACTION_ITEM_DONE: "Done.",
    Reason.ACTION_ITEM_OPEN: "Open again.",
    Reason.ASSIGNED: "Assigned.",
    Reason.ESCALATED: "Escalated: the next step is paged.",
    Reason.MERGED_NOW: "Merged.",
    Reason.NOTED: "Noted.",
    Reason.PRIORITY_LOWERED: "The priority is lower now.",
    Reason.PRIORITY_RAISED: "The priority is higher now, and pages anew.",
    Reason.REOPENED: "Reopened.",
    Reason.RESOLVED: "Resolved.",
    Reason.REVIEW_SAVED: "The review is saved.",
    Reason.SILENCED: "Silenced in Alertmanager.",
    Reason.SILENCE_EXPIRED: "The silence is over: Alertmanager notifies again.",
    Reason.SNOOZED: "Snoozed.",
    Reason.STATUS_HIDDEN: "Removed from the status page.",
    Reason.STATUS_SHOWN: "Everybody can read it again.",
    Reason.STATUS_UPDATED: "It is on the status page.",
    Reason.UNACKNOWLEDGED: "Given back: the escalation policy starts again.",
}
"""What was done."""
REFUSED: Mapping[str, str] = {
    Reason.ALREADY_ACKNOWLEDGED: "Already acknowledged.",
    Reason.ALREADY_DONE: "That action item is done already.",
    Reason.ALREADY_EXPIRED: "That silence is over already.",
    Reason.ALREADY_MERGED: "It is merged into that incident already.",
    Reason.ALREADY_OPEN: "This incident is open already.",
    Reason.ALREADY_RESOLVED: "Already resolved.",
    Reason.DAMAGED: "Nothing changed: its record cannot be read. It can only be resolved, or"
    " forgotten.",
    Reason.HIDDEN: "It was taken off the status page: show it again first.",
    Reason.MERGED: "This incident was merged into another one: go on there.",
    Reason.NO_COMPONENT: "No alert of this incident is about a component: choose what is affected.",
    Reason.NO_SUCH_TIME: "Working hours never end in this calendar: snooze until a time instead.",
    Reason.NOT_ACKNOWLEDGED: "Nobody has acknowledged this incident.",
    Reason.NOT_PUBLISHED: "This incident is not on the status page.",
    Reason.REVIEW_CONFLICT: "Somebody else saved the review since you read it: nothing of yours is"
    " saved yet.",
    Reason.SAME_ACTION_ITEM: "That is an action item already.",
    Reason.SAME_PRIORITY: "It has that priority already.",
    Reason.STALE: "It has fired again since; reload to see its current state.",
    Reason.TOO_MANY_ACTION_ITEMS: "There are too many action items already.",
    Reason.TOO_MANY_NOTES: "There are too many notes already.",
    Reason.TOO_MANY_VERSIONS: "The review was saved too often already.",
    Reason.UNCHANGED: "Nothing was changed.",
    Reason.UNKNOWN_ACTION_ITEM: "This incident knows no such action item.",
    Reason.UNKNOWN_INCIDENT: "This incident is not known any more.",
    Reason.UNKNOWN_SILENCE: "This incident knows no such silence.",
}
"""What changed nothing although a person asked for it."""


def refusal_of(outcome: Outcome, shown: str = "") -> str:
    """Return what whoever asked should know, "" when it was done.

    ``shown``: who has it already, as the face prints a name.
    """
    if outcome.reason == Reason.ALREADY_ACKNOWLEDGED and shown:
        return f"Already acknowledged by {shown}."
    into = outcome.incident.merged_into if outcome.incident is not None else ""
    if outcome.reason == Reason.MERGED and into:
        return f"Merged into {into}: go on there."
    return REFUSED.get(outcome.reason, "")
