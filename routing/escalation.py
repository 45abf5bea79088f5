"""Escalation: who is paged when, and how a page moves on.

Paging is not updating: an update pings nobody. A page raises a durable ``seq`` for a notifier,
which its receipt has to reach. A page that permanently fails, or is not delivered in time, moves
on to the next step at once; so does one of a step that has nobody to notify.
"""

from collections.abc import Mapping

import msgspec

from routing import clocks
from routing.decision import Draft
from routing.duration import format_moment
from routing.incident import Incident, page_wanted
from routing.incident_parts import INFORMED, Page
from routing.reach import episode_pages, is_reached, mark
from routing.rules import Clock, Step
from routing.vocabulary import Kind, PageReason, Timer

WHY: Mapping[PageReason, str] = {
    PageReason.OPENED: "new incident",
    PageReason.REOPENED: "open again",
    PageReason.PRIORITY_RAISED: "priority raised",
    PageReason.DEADLINE: "not acknowledged in time",
    PageReason.TIMER: "still not acknowledged",
    PageReason.UNDELIVERED: "a notifier failed",
    PageReason.SLOW: "a notifier is too slow",
    PageReason.RESOLVE_DEADLINE: "not resolved in time",
    PageReason.FORGOTTEN: "acknowledged, then silence",
    PageReason.GROWN: "many more alerts",
    PageReason.AFTER_SILENCE: "something new after a long silence",
    PageReason.SNOOZE_ENDED: "the snooze is over",
    PageReason.UNACKNOWLEDGED: "given back",
    PageReason.BY_HAND: "escalated by hand",
}
"""Why a step is notified: the name is the metric's label, the words are for people."""
_REASONS = frozenset(WHY)
_FIRST = (PageReason.OPENED, PageReason.REOPENED)


def why(reason: str) -> str:
    """Return why a step was notified, in words; what a newer release says as it says it."""
    return WHY[PageReason(reason)] if reason in _REASONS else reason.replace("_", " ")


def held_for(incident: Incident) -> PageReason:
    """Return what the page that waits for the end of quiet hours is for."""
    reason = incident.held_reason
    return PageReason(reason) if reason in _REASONS else PageReason.OPENED


def start_clocks(draft: Draft, clock: Clock, reason: PageReason, skip: str = "") -> None:
    """Page the first step and start the clocks of an episode or of a raised priority.

    ``skip`` is a notifier that has rung already.
    """
    draft.set(step=-1, undeliverable_counted=False, clock_started_at=draft.now, held_reason="")
    draft.stop(Timer.QUIET, Timer.REMIND, Timer.SNOOZE)
    clocks.drop(draft, Timer.RESOLVE)
    clocks.start(draft, clock, Timer.ACKNOWLEDGE)
    if Timer.UPDATE not in draft.incident.timers:
        clocks.start(draft, clock, Timer.UPDATE)
    page_next(draft, clock, reason, skip=skip)
    _inform(draft, clock, reason)


def count_firing(draft: Draft) -> int:
    """Return how many alerts fire, with those of merged incidents."""
    parts = draft.incident.parts
    return len(draft.incident.firing()) + sum(part.firing for part in parts.values())


def _inform(draft: Draft, clock: Clock, reason: PageReason) -> None:
    """Let other systems know, beside the policy: nothing waits for what they answer."""
    pages = draft.incident.pages
    fresh = {
        name: Page(seq=1, since=1, step=INFORMED, reason=reason, at=draft.now)
        for name in clock.inform
        if name not in pages
    }
    if fresh:
        draft.set(pages={**pages, **fresh})


def page_next(
    draft: Draft,
    clock: Clock,
    reason: PageReason,
    paged: Mapping[str, int] | None = None,
    skip: str = "",
) -> None:
    """Page the next step that has anybody to notify; an empty step costs no time.

    ``paged`` is what receipts say was delivered, where that is known.
    """
    number, step = _staffed(clock, draft.incident.step + 1)
    if step is not None and _wait_for_hours(draft, clock, reason):
        clocks.hold(draft, clock)
        return
    draft.stop(Timer.QUIET)
    draft.set(held_reason="")
    if draft.incident.state != "snoozed":
        clocks.resume(draft, clock)
    if step is None:
        _exhausted(draft, clock, reason, paged or {})
        return
    draft.set(step=number, grown=0, told_firing=count_firing(draft))
    names = [name for name in step.notify if name != skip]
    for name in names:
        page(draft, name, step.mention_for(name), reason, paged)
    if names:
        draft.timer(Timer.DELIVERY, draft.now + clock.deliver_within)
        kind = Kind.ESCALATED if number else Kind.PAGED
        draft.say(kind, f"Step {number + 1}, {WHY[reason]}: notify {', '.join(names)}")
    if number > 0 or reason not in _FIRST:
        draft.observe(
            "incident_escalations_total",
            priority=draft.incident.priority,
            step=str(number + 1),
            reason=reason,
        )
    arm_next(draft, clock, number + 1)


def page_held(draft: Draft, clock: Clock, paged: Mapping[str, int]) -> None:
    """Page what quiet hours held back; the steps after it keep their distance to it."""
    number, step = _staffed(clock, draft.incident.step + 1)
    if step is not None:
        laps = (number // len(clock.steps)) * clock.lap
        as_if = draft.now - laps - (step.after or 0)
        draft.set(clock_started_at=max(draft.incident.clock_started_at, as_if))
    page_next(draft, clock, held_for(draft.incident), paged)


def page_again(draft: Draft, clock: Clock, reason: PageReason) -> None:
    """Page the step once more that the incident is at, or its first one.

    Under a shorter policy than the one that got it there, that is the last one with anybody in it.
    """
    number = max(draft.incident.step, 0)
    while number and _staffed(clock, number)[1] is None:
        number -= 1
    draft.set(step=number - 1)
    page_next(draft, clock, reason)


def page_by_hand(draft: Draft, clock: Clock) -> None:
    """Page the next step, or the last one once more: who asks for people gets some."""
    if _staffed(clock, draft.incident.step + 1)[1] is None:
        page_again(draft, clock, PageReason.BY_HAND)
    else:
        page_next(draft, clock, PageReason.BY_HAND)


def ask_again(draft: Draft, clock: Clock) -> None:
    """Ask whoever acknowledged and fell silent; the policy itself moves no further."""
    by = draft.incident.assigned_to or draft.incident.acknowledged_by
    # Each notifier mentions whom it knows by that id.
    mention = f"@{by.id}" if by is not None and by.id else ""
    for name in clock.remind:
        page(draft, name, mention, PageReason.FORGOTTEN, None)
    who = by.principal if by is not None else "somebody"
    draft.say(Kind.REMINDED, f"Acknowledged by {who}, and nothing heard since: still on it?")


def _wait_for_hours(draft: Draft, clock: Clock, reason: PageReason) -> bool:
    """Put a page off until quiet hours end; who asks by hand means now."""
    if not clock.quiet or reason == PageReason.BY_HAND or clock.calendar.is_open(draft.now):
        return False
    if Timer.QUIET not in draft.incident.timers:
        until = clock.calendar.next_open(draft.now)
        draft.timer(Timer.QUIET, until)
        draft.set(held_reason=reason)
        draft.say(Kind.HELD, f"Quiet hours: pages wait until {format_moment(until)}")
    return True


def _staffed(clock: Clock, number: int) -> tuple[int, Step | None]:
    """Return the first step from ``number`` on that has anybody to notify."""
    step = clock.step(number)
    while step is not None and not step.notify:
        number += 1
        step = clock.step(number)
    return number, step


def page(
    draft: Draft, name: str, mention: str, reason: PageReason, paged: Mapping[str, int] | None
) -> None:
    """Raise the page of one notifier; while somebody is on it, the page insists."""
    pages = draft.incident.pages
    known = pages.get(name)
    step = draft.incident.step
    # A new episode starts its own series: what an older one delivered does not count for it.
    fresh = reason == PageReason.REOPENED or name not in episode_pages(draft)
    insists = draft.incident.state == "acknowledged"
    pending = known is not None and known.seq > max(known.failed_seq, known.answered_seq)
    waits = known is not None and paged is not None and paged.get(name, 0) < known.seq
    # A mention of somebody else would be lost on a page whose call may have begun already.
    same = mention in ("", known.mention) if known is not None else False
    if known is not None and not fresh and waits and pending and same:
        # The last page to it is still on its way: one that arrives late is enough, not two.
        again = msgspec.structs.replace(known, step=step, insists=insists)
        draft.set(pages={**pages, name: again})
        return
    seq = known.seq + 1 if known else 1
    raised = Page(
        seq=seq,
        since=seq if fresh or known is None else known.since,
        step=step,
        reason=reason,
        mention=mention,
        at=draft.now,
        insists=insists,
        answered_seq=known.answered_seq if known else 0,
    )
    draft.set(pages={**pages, name: raised})
    draft.observe("incident_pages", 1, mention, priority=draft.incident.priority, notifier=name)


def answer_pages(draft: Draft) -> bool:
    """Note that a person answered all pages raised so far; return whether one was open."""
    pages = draft.incident.pages
    was_open = any(page.seq > page.answered_seq for page in pages.values())
    if was_open:
        answered = {
            name: msgspec.structs.replace(page, answered_seq=page.seq)
            for name, page in pages.items()
        }
        draft.set(pages=answered)
    return was_open


def arm_next(draft: Draft, clock: Clock, number: int) -> None:
    """Set the timer of step ``number``, if that step names its own time."""
    number, step = _staffed(clock, number)
    draft.stop(Timer.ESCALATE)
    # Who acknowledged is reminded, but the policy climbs on its own only while nobody has.
    if step is None or draft.incident.state != "triggered":
        return
    if step.after is not None:
        laps = (number // len(clock.steps)) * clock.lap
        draft.timer(
            Timer.ESCALATE, max(draft.incident.clock_started_at + laps + step.after, draft.now)
        )
    elif clock.acknowledge_within is not None and clocks.is_over(draft, Timer.ACKNOWLEDGE):
        # The deadline that would have triggered it has passed: another such period is given.
        draft.timer(Timer.ESCALATE, clock.acknowledge_within.due(draft.now, clock.calendar))


def _exhausted(draft: Draft, clock: Clock, reason: PageReason, paged: Mapping[str, int]) -> None:
    """Nobody is left to notify: say so, and count it once when nobody was reached at all.

    Who acknowledged was reached, whatever became of later pages. A page that still has time to
    arrive may reach somebody: the delivery timer asks again.
    """
    pages = episode_pages(draft)
    on_its_way = Timer.DELIVERY in draft.incident.timers and any(
        page.failed_seq < page.seq and page.at + clock.deliver_within > draft.now
        for page in pages.values()
    )
    if on_its_way or draft.incident.acknowledged_at or is_reached(pages, paged):
        draft.say(Kind.EXHAUSTED, f"{WHY[reason].capitalize()}, and no escalation step is left")
        return
    if draft.incident.undeliverable_counted:
        return
    draft.set(undeliverable_counted=True)
    mark(draft, {}, exhausted=True)
    draft.say(Kind.UNDELIVERABLE, "Nobody could be reached: every notifier of the policy failed")
    draft.observe("incident_undeliverable_total", priority=draft.incident.priority)


def acknowledge_passed(draft: Draft, clock: Clock, paged: Mapping[str, int]) -> None:
    """The acknowledge deadline passed: it is missed, and the next step is notified."""
    clocks.miss(draft, clock, Timer.ACKNOWLEDGE)
    _, following = _staffed(clock, draft.incident.step + 1)
    # Without its timer (the policy was another one when it was paged) nobody would be told.
    if following is None or Timer.ESCALATE not in draft.incident.timers:
        page_next(draft, clock, PageReason.DEADLINE, paged)


def undelivered(draft: Draft, clock: Clock, notifier: str, paged: Mapping[str, int]) -> None:
    """A page will never arrive: it moves on to the next step at once."""
    pages = draft.incident.pages
    failed = pages[notifier]
    draft.set(pages={**pages, notifier: msgspec.structs.replace(failed, failed_seq=failed.seq)})
    # Of two notifiers failing in one step only the first moves the page on.
    current = notifier in episode_pages(draft) and failed.step == draft.incident.step
    if (
        current
        and failed.reason != PageReason.FORGOTTEN
        and page_wanted(draft.incident.state, failed)
    ):
        page_next(draft, clock, PageReason.UNDELIVERED, paged)
