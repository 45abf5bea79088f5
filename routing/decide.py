"""``decide(incident, event, now, rules)``: the one place where incidents change.

A payload is a snapshot, not a delta: any order and any duplication of the same notifications ends
in the same alerts, state and priority. What an event does is in the module named after who or what
it came from: ``snapshot`` (alerts), ``person``, ``action_items``, ``timers``, ``merge``, ``watch``
(heartbeats), ``forgetting``. They share ``episode`` (opening and ending), ``clocks`` (deadlines),
``escalation`` (pages) and ``reach`` (whether they reached anybody). What outsiders read of it
(``status_page``) follows from what came of all that.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from routing import reach, status_page
from routing.actions import action_items, person, review
from routing.actions import status_page as status_actions
from routing.actions.merge import hear_of_part, merge
from routing.alerts_received import decide_alerts
from routing.damage import decide_damaged
from routing.decision import Decision, Draft
from routing.event import (
    AlertsReceived,
    DeliveryFailed,
    DeliveryNoted,
    DeliveryRecovered,
    Event,
    HeartbeatSeen,
    MergeNews,
    TimerDue,
)
from routing.forgetting import forget_by_person
from routing.heartbeat import decide_heartbeat
from routing.incident import NOT_INCIDENTS, Incident
from routing.person_event import (
    ActionItemAdded,
    ActionItemChanged,
    ActionItemDone,
    Forgotten,
    Merged,
    ReviewSaved,
    StatusHidden,
    StatusUpdated,
)
from routing.reach import delivery_recovered
from routing.rules import Rules
from routing.timers import delivery_failed, timer_due
from routing.vocabulary import Kind, Reason

HELD_MS = 10_000
"""More than two replicas may differ by."""


def decide(incident: Incident | None, event: Event, now: int, rules: Rules) -> Decision:
    """Return what ``event`` does to ``incident`` at ``now`` (ms).

    ``incident`` is None when the group is unknown; only alerts can then do anything. ``now`` never
    goes back within an incident that is open; one that is over, and was written further ahead than
    replicas may differ, was written by a clock that has been set right since: the deadlines of its
    next episode do not wait for that time. Pure and total: it raises for programming errors alone.
    """
    if incident is not None and (incident.is_open or incident.updated_at - now <= HELD_MS):
        now = max(now, incident.updated_at)
    if isinstance(event, AlertsReceived):
        return decide_alerts(incident, event, now, rules)
    if isinstance(event, HeartbeatSeen):
        return decide_heartbeat(incident, event, now)
    if incident is not None and incident.damage is not None:
        return decide_damaged(incident, event, now, rules)
    if incident is None or (incident.state in NOT_INCIDENTS and not _is_of_watch(incident, event)):
        return Decision(Reason.UNKNOWN_INCIDENT, incident, incident)
    handler: Callable[[Draft, Any, Rules], Reason] = _HANDLERS[type(event)]
    draft = Draft(incident, incident, now)
    reason = handler(draft, event, rules)
    reach.follow(draft)
    status_page.follow(draft, rules)
    return draft.done(reason)


def fold(decisions: Iterable[Decision]) -> Decision:
    """Join decisions made one after another on one incident into one to commit.

    None but the first that changes anything may begin a next generation.
    """
    first, *rest = decisions
    if not rest:
        return first
    schedule = {change.task: change for change in first.schedule}
    cancel = set(first.cancel)
    timeline = list(first.timeline)
    for decision in rest:
        timeline += decision.timeline
        cancel |= set(decision.cancel)
        for task in decision.cancel:
            schedule.pop(task, None)
        for change in decision.schedule:
            schedule[change.task] = change
            cancel.discard(change.task)
    every = (first, *rest)
    return Decision(
        reason=rest[-1].reason,
        base=first.base,
        incident=rest[-1].incident,
        changed=any(decision.changed for decision in every),
        timeline=tuple(timeline),
        schedule=tuple(schedule.values()),
        cancel=tuple(cancel),
        observations=tuple(item for decision in every for item in decision.observations),
        forget=rest[-1].forget,
    )


def is_next_generation(decision: Decision) -> bool:
    """Return whether it leaves one incident of the group behind and begins another."""
    base, incident = decision.base, decision.incident
    return base is not None and incident is not None and base.id != incident.id


def _delivery_noted(draft: Draft, event: DeliveryNoted, _rules: Rules) -> Reason:
    draft.say(Kind.DELIVERY_NOTE, f"{event.notifier}: {event.text}")
    return Reason.DELIVERY_NOTED


_HANDLERS: dict[type[msgspec.Struct], Callable[[Draft, Any, Rules], Reason]] = {
    **person.HANDLERS,
    ActionItemAdded: action_items.add,
    ActionItemChanged: action_items.put_otherwise,
    ActionItemDone: action_items.tick,
    ReviewSaved: review.save,
    Forgotten: forget_by_person,
    StatusUpdated: status_actions.update,
    StatusHidden: status_actions.hide,
    Merged: merge,
    MergeNews: hear_of_part,
    TimerDue: timer_due,
    DeliveryFailed: delivery_failed,
    DeliveryRecovered: delivery_recovered,
    DeliveryNoted: _delivery_noted,
}


def _is_of_watch(incident: Incident, event: Event) -> bool:
    return incident.state != "tombstone" and isinstance(event, TimerDue)
