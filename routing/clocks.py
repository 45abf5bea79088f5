"""Response clocks: acknowledge, resolve and status update, and the reminder of who forgot.

Acknowledging stops the first and starts the second; the third starts with the incident and again
with each note. A snooze lets them all stand still, and so do quiet hours while they hold a page:
nobody is late for what nobody was told. Whether one was kept is a matter of time
alone: what ends after it was due is missed, though the agenda has not come to say so yet.
"""

import msgspec

from routing.decision import Draft
from routing.duration import format_moment
from routing.incident_parts import ClockEnd, Deadline
from routing.rules import Clock
from routing.vocabulary import CLOCKS, Ended, Kind, Timer

ENDS_KEPT = 100
_LATE = {
    Timer.ACKNOWLEDGE: "Not acknowledged by {}",
    Timer.RESOLVE: "Not resolved by {}",
    Timer.UPDATE: "No status update by {}",
}
_MISSED = {
    Timer.ACKNOWLEDGE: "Not acknowledged within {}",
    Timer.RESOLVE: "Not resolved within {} of acknowledging",
    Timer.UPDATE: "No status update within {}",
}


def start(draft: Draft, clock: Clock, name: Timer) -> None:
    """Start the clock ``name`` from now on, unless the priority has none."""
    within = clock.within(name)
    if within is None:
        drop(draft, name)
        return
    _judge(draft, name)
    due = within.due(draft.now, clock.calendar)
    _set(draft, name, Deadline(due=due, since=draft.now))
    draft.timer(name, due)
    hold(draft, clock)


def drop(draft: Draft, name: Timer) -> None:
    """Take a clock away without counting it, unless it had run out already."""
    draft.stop(name)
    _judge(draft, name)
    known = draft.incident.deadlines
    if name in known:
        draft.set(deadlines={key: value for key, value in known.items() if key != name})


def settle(draft: Draft, name: Timer, outcome: Ended, by: str) -> None:
    """End a running clock: ``met``, or ``void`` when nobody was needed any more.

    ``by``: ``human`` or ``automatic``.
    """
    draft.stop(name)
    _judge(draft, name)
    deadline = draft.incident.deadlines.get(name)
    if deadline is None or not deadline.running:
        return
    _set(draft, name, Deadline(due=deadline.due, met_at=draft.now, since=deadline.since))
    _ended(draft, name, outcome, by)


def _judge(draft: Draft, name: Timer) -> None:
    """Note that a clock ran out before what ends it now."""
    deadline = draft.incident.deadlines.get(name)
    if deadline is None or not deadline.running:
        return
    if (deadline.paused_at or draft.now) > deadline.due:
        _set(draft, name, msgspec.structs.replace(deadline, missed_at=draft.now))
        _ended(draft, name, Ended.MISSED, "nobody")
        draft.say(Kind.DEADLINE_MISSED, _LATE[name].format(format_moment(deadline.due)))


def is_over(draft: Draft, name: Timer) -> bool:
    """Return whether a clock has ended, or ran out and its timer comes at this very moment.

    One that never ran, as the priority had none then, will bring nothing either.
    """
    deadline = draft.incident.deadlines.get(name)
    return (
        deadline is None
        or not deadline.running
        or (not deadline.paused_at and deadline.due <= draft.now)
    )


def miss(draft: Draft, clock: Clock, name: Timer) -> None:
    """Note that the clock ``name`` ran out."""
    draft.stop(name)
    deadline = draft.incident.deadlines[name]
    _set(draft, name, msgspec.structs.replace(deadline, missed_at=draft.now))
    _ended(draft, name, Ended.MISSED, "nobody")
    draft.say(Kind.DEADLINE_MISSED, _MISSED[name].format(clock.within(name) or "its time"))


def remind_later(draft: Draft, clock: Clock) -> None:
    """Ask again later, counted from the last sign of somebody working on it."""
    draft.stop(Timer.REMIND)
    if clock.remind_after and draft.incident.state == "acknowledged":
        draft.timer(Timer.REMIND, draft.now + clock.remind_after)


def heard(draft: Draft, clock: Clock) -> None:
    """Somebody says how it goes: the status update is given, and the next one is due later."""
    settle(draft, Timer.UPDATE, Ended.MET, "human")
    if draft.incident.state != "snoozed":
        start(draft, clock, Timer.UPDATE)
        remind_later(draft, clock)


def pause(draft: Draft, clock: Clock) -> None:
    """Let every running clock stand still, remembering what is left of it."""
    for name in CLOCKS:
        deadline = draft.incident.deadlines.get(name)
        draft.stop(name)
        if deadline is None or not deadline.running or deadline.paused_at:
            continue
        within = clock.within(name)
        left = within.remaining(draft.now, deadline.due, clock.calendar) if within else 0
        still = msgspec.structs.replace(deadline, paused_at=draft.now, remaining=left)
        _set(draft, name, still)
    draft.stop(Timer.ESCALATE, Timer.DELIVERY, Timer.REMIND, Timer.QUIET)


def hold(draft: Draft, clock: Clock) -> None:
    """Let what runs stand still while quiet hours hold a page, if they do.

    ``due`` becomes when it will be due: what is left then counts from the end of quiet hours. What
    has run out stays as it is.
    """
    until = draft.incident.timers.get(Timer.QUIET)
    if until is None or draft.incident.state != "triggered":
        return
    for name in CLOCKS:
        deadline = draft.incident.deadlines.get(name)
        within = clock.within(name)
        if deadline is None or within is None or not deadline.running:
            continue
        left = deadline.remaining
        if not deadline.paused_at:
            if deadline.due <= draft.now:
                continue
            left = within.remaining(draft.now, deadline.due, clock.calendar)
        draft.stop(name)
        due = within.resume(until, left, clock.calendar)
        since = deadline.paused_at or draft.now
        still = msgspec.structs.replace(deadline, due=due, paused_at=since, remaining=left)
        _set(draft, name, still)


def resume(draft: Draft, clock: Clock) -> None:
    """Let every clock that stood still run on with what was left of it."""
    for name in CLOCKS:
        deadline = draft.incident.deadlines.get(name)
        if deadline is None or not deadline.running or not deadline.paused_at:
            continue
        within = clock.within(name)
        if within is None:
            drop(draft, name)
            continue
        due = within.resume(draft.now, deadline.remaining, clock.calendar)
        if deadline.paused_at > deadline.due:
            # It had run out when it was put off, which no sleep makes undone.
            due = deadline.due
        # What a lower priority would have left is counted as if it had begun that much later.
        slept = draft.now - deadline.paused_at
        _set(draft, name, Deadline(due=due, since=deadline.since + slept))
        draft.timer(name, due)


def follow_priority(draft: Draft, clock: Clock) -> None:
    """Let running clocks leave what a lower priority leaves, counted from when they began."""
    for name in CLOCKS:
        deadline = draft.incident.deadlines.get(name)
        if deadline is None or not deadline.running:
            continue
        within = clock.within(name)
        if within is None:
            drop(draft, name)
            continue
        due = max(deadline.paused_at or draft.now, within.due(deadline.since, clock.calendar))
        if deadline.paused_at:
            left = within.remaining(deadline.paused_at, due, clock.calendar)
            _set(draft, name, msgspec.structs.replace(deadline, due=due, remaining=left))
            hold(draft, clock)
        else:
            _set(draft, name, Deadline(due=due, since=deadline.since))
            draft.timer(name, due)
    start_missing(draft, clock)
    remind_later(draft, clock)


def start_missing(draft: Draft, clock: Clock) -> None:
    """Start what should run and does not: a snooze or another priority had no such clock."""
    update = draft.incident.deadlines.get(Timer.UPDATE)
    runs = update is not None and update.running
    if draft.incident.state != "snoozed" and not runs:
        start(draft, clock, Timer.UPDATE)
    if draft.incident.state == "acknowledged" and Timer.RESOLVE not in draft.incident.deadlines:
        start(draft, clock, Timer.RESOLVE)


def end(draft: Draft, *, acknowledge: Ended, resolve: Ended, by: str) -> None:
    """End all clocks with the episode; the outcomes of two of them are given."""
    settle(draft, Timer.ACKNOWLEDGE, acknowledge, by)
    settle(draft, Timer.RESOLVE, resolve, by)
    drop(draft, Timer.UPDATE)
    draft.stop(
        Timer.ESCALATE,
        Timer.DELIVERY,
        Timer.REMIND,
        Timer.QUIET,
        Timer.SNOOZE,
        Timer.FLAP,
        Timer.STALE,
    )
    draft.stop(Timer.ENRICH, Timer.SUMMARIZE)


def _set(draft: Draft, name: Timer, deadline: Deadline) -> None:
    draft.set(deadlines={**draft.incident.deadlines, name: deadline})


def _ended(draft: Draft, name: Timer, outcome: Ended, by: str) -> None:
    """Count how a clock ended, and keep it for the review; status updates are too many to keep."""
    # What is over is shown under its most urgent alert's priority, and a rise begins anew: the
    # clock that ended ran under the priority before.
    ran = draft.start.priority
    draft.observe("incident_deadlines_total", priority=ran, clock=name, outcome=outcome, by=by)
    if name == Timer.UPDATE:
        return
    due = draft.incident.deadlines[name].due
    end = ClockEnd(draft.incident.episode, name, ran, due, draft.now, outcome)
    draft.set(clock_ends=(*draft.incident.clock_ends, end)[-ENDS_KEPT:])
