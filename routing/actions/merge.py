"""Merging: one incident goes on for several groups of alerts.

The incident that was merged is closed and quiet, and counts in no response time. Its alerts still
matter: each change of how many fire is told to the target, which stays open while any does. The
two may live on different shards, so the telling is a task of the agenda that may be repeated.
"""

from routing import clocks
from routing.decision import Draft
from routing.episode import end, fires_on, reopen, retire, silence, watch_for_news
from routing.event import MergeNews, TimerDue
from routing.growth import page_growth
from routing.incident import Incident, firing_of
from routing.incident_parts import Part
from routing.person_event import Merged
from routing.rules import Rules
from routing.urgency import name_incident, raise_to_parts, reprioritise
from routing.vocabulary import Ended, Kind, Reason, Timer

UNTOLD = -1


def merge(draft: Draft, event: Merged, rules: Rules) -> Reason:
    """Close the incident in favour of another one."""
    incident = draft.start
    if event.episode is not None and event.episode != incident.episode:
        return Reason.STALE
    if incident.merged_into or event.target == incident.id:
        return Reason.ALREADY_MERGED if incident.merged_into == event.target else Reason.MERGED
    if not incident.is_open:
        return Reason.ALREADY_RESOLVED
    silence(draft)
    draft.set(
        state="resolved",
        resolved_at=draft.now,
        resolved_by=event.actor,
        merged_into=event.target,
        merged_firing=UNTOLD,
        snoozed_until=0,
        by_hand=False,
        flapping=False,
    )
    clocks.end(draft, acknowledge=Ended.VOID, resolve=Ended.VOID, by=event.actor.ends)
    retire(draft, rules)
    actor = event.actor
    draft.say(Kind.MERGED, f"Merged into {event.target} by {actor.principal}", actor)
    draft.timer(Timer.MERGE, draft.now)
    watch_for_news(draft, rules)
    return Reason.MERGED_NOW


def is_merged_open(incident: Incident) -> bool:
    """Return whether the target still counts alerts of this incident as firing."""
    return bool(incident.merged_into) and incident.merged_firing != 0


def news(incident: Incident) -> MergeNews:
    """Return what the target of a merged incident has to know."""
    return MergeNews(
        source=incident.id,
        title=incident.title,
        priority=incident.priority,
        firing=_count(incident.alerts.values(), incident.parts),
        by=incident.resolved_by,
        components=_affected(incident),
    )


def _affected(incident: Incident) -> dict[str, str]:
    """Return what the status page says is affected, nothing once somebody took that back."""
    published = incident.published
    return {} if published is None or published.hidden else published.components


def _count(alerts: object, parts: dict[str, Part]) -> int:
    firing = sum(not alert.resolved for alert in alerts)  # type: ignore[attr-defined]
    return firing + sum(part.firing for part in parts.values())


def follow_merged(draft: Draft, rules: Rules) -> Reason:
    """Keep what fires quiet here, and have the target told when it is more, less or worse."""
    silence(draft)
    firing = firing_of(draft.incident.alerts, {})
    if firing:
        # Nobody is paged here, so how urgent it has become is for the target to know.
        name_incident(draft, rules, firing)
    else:
        raise_to_parts(draft)
    count = _count(draft.incident.alerts.values(), draft.incident.parts)
    if count != draft.incident.merged_firing or draft.incident.priority != draft.start.priority:
        draft.timer(Timer.MERGE, draft.now)
        if Timer.STALE not in draft.incident.timers:
            watch_for_news(draft, rules)
    return Reason.MERGED


def told_target(draft: Draft, event: TimerDue, rules: Rules) -> Reason:
    """The target knows; or it is gone, and this incident stands for itself again."""
    draft.stop(Timer.MERGE)
    if event.lost:
        draft.set(merged_into="", merged_firing=0, suppressed={})
        said = "The incident it was merged into is gone"
        still = _count(draft.incident.alerts.values(), draft.incident.parts)
        if still:
            return reopen(draft, rules, draft.incident.firing(), said)
        draft.stop(Timer.STALE)
        return Reason.TARGET_GONE
    draft.set(merged_firing=event.told)
    still = _count(draft.incident.alerts.values(), draft.incident.parts)
    if still != event.told or (still and draft.incident.priority != event.told_priority):
        draft.timer(Timer.MERGE, draft.now)
    elif not event.told:
        # From here on the time counts within which it still belongs to the target.
        draft.set(resolved_at=draft.now)
        draft.stop(Timer.STALE)
    return Reason.TARGET_TOLD


def hear_of_part(draft: Draft, event: MergeNews, rules: Rules) -> Reason:
    """Take in how a merged incident is; one that fires more keeps, or makes, this one open."""
    incident = draft.start
    if incident.merged_into == event.source:
        # Two people merged each into the other at once: of the two the smaller id goes on.
        if incident.id > event.source:
            return Reason.MERGED
        draft.stop(Timer.MERGE)
        draft.set(merged_into="", merged_firing=0, suppressed={})
        said = f"{event.source} was merged into this at the same time: this one goes on"
        reopen(draft, rules, draft.incident.firing(), said)
    known = incident.parts.get(event.source)
    part = Part(event.title, event.priority, event.firing, event.components)
    if part == known:
        return Reason.REPEAT
    draft.set(parts={**incident.parts, event.source: part})
    if known is None:
        # Whoever merged it knows.
        draft.set(told_firing=draft.incident.told_firing + part.firing)
        by = event.by
        who = f" by {by.principal}" if by else ""
        said = f"{event.source} was merged into this{who}: {event.title}"
        draft.say(Kind.MERGED_IN, said, by)
    elif bool(known.firing) != bool(part.firing):
        how = "fires again" if part.firing else "is over"
        draft.say(Kind.PART_CHANGED, f"Merged {event.source} {how}: {event.title}")
    if draft.incident.merged_into:
        return follow_merged(draft, rules)
    firing = draft.incident.firing()
    if draft.incident.state == "resolved":
        more = part.firing > (known.firing if known else 0)
        more |= bool(part.firing and known and part.priority < known.priority)
        said = f"Merged {event.source} fires: {event.title}"
        return reopen(draft, rules, firing, said) if more else Reason.UPDATED
    if not firing and not part.firing:
        return end(draft, rules)
    fires_on(draft, rules)
    reason = reprioritise(draft, rules, firing)
    if reason != "priority_raised":
        page_growth(draft, rules)
    return reason
