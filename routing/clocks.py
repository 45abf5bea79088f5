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

NAMES = ("acknowledge", "resolve", "update")
ENDS_KEPT = 100
_LATE = {
    "acknowledge": "Not acknowledged by {}",
    "resolve": "Not resolved by {}",
    "update": "No status update by {}",
}
_MISSED = {
    "acknowledge": "Not acknowledged within {}",
    "resolve": "Not resolved within {} of acknowledging",
    "update": "No status update within {}",
}


def start(draft: Draft, clock: Clock, name: str) -> None:
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


def drop(draft: Draft, name: str) -> None:
    """Take a clock away without counting it, unless it had run out already."""
    draft.stop(name)
    _judge(draft, name)
    known: dict[str, Deadline] = draft.incident.deadlines
    if name in known:
        draft.set(deadlines={key: value for key, value in known.items() if key != name})


def settle(draft: Draft, name: str, outcome: str, by: str) -> None:
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


def _judge(draft: Draft, name: str) -> None:
    """Note that a clock ran out before what ends it now."""
    deadline: Deadline | None = draft.incident.deadlines.get(name)
    if deadline is None or not deadline.running:
        return
    if (deadline.paused_at or draft.now) > deadline.due:
        _set(draft, name, msgspec.structs.replace(deadline, missed_at=draft.now))
        _ended(draft, name, "missed", "nobody")
        draft.say("deadline_missed", _LATE[name].format(format_moment(deadline.due)))


def is_over(draft: Draft, name: str) -> bool:
    """Return whether a clock has ended, or ran out and its timer comes at this very moment.

    One that never ran, as the priority had none then, will bring nothing either.
    """
    deadline: Deadline | None = draft.incident.deadlines.get(name)
    return (
        deadline is None
        or not deadline.running
        or (not deadline.paused_at and deadline.due <= draft.now)
    )


def miss(draft: Draft, clock: Clock, name: str) -> None:
    """Note that the clock ``name`` ran out."""
    draft.stop(name)
    deadline = draft.incident.deadlines[name]
    _set(draft, name, msgspec.structs.replace(deadline, missed_at=draft.now))
    _ended(draft, name, "missed", "nobody")
    draft.say("deadline_missed", _MISSED[name].format(clock.within(name) or "its time"))


def remind_later(draft: Draft, clock: Clock) -> None:
    """Ask again later, counted from the last sign of somebody working on it."""
    draft.stop("remind")
    if clock.remind_after and draft.incident.state == "acknowledged":
        draft.timer("remind", draft.now + clock.remind_after)


def heard(draft: Draft, clock: Clock) -> None:
    """Somebody says how it goes: the status update is given, and the next one is due later."""
    settle(draft, "update", "met", "human")
    if draft.incident.state != "snoozed":
        start(draft, clock, "update")
        remind_later(draft, clock)


def pause(draft: Draft, clock: Clock) -> None:
    """Let every running clock stand still, remembering what is left of it."""
    for name in NAMES:
        deadline = draft.incident.deadlines.get(name)
        draft.stop(name)
        if deadline is None or not deadline.running or deadline.paused_at:
            continue
        within = clock.within(name)
        left = within.remaining(draft.now, deadline.due, clock.calendar) if within else 0
        still = msgspec.structs.replace(deadline, paused_at=draft.now, remaining=left)
        _set(draft, name, still)
    draft.stop("escalate", "delivery", "remind", "quiet")


def hold(draft: Draft, clock: Clock) -> None:
    """Let what runs stand still while quiet hours hold a page, if they do.

    ``due`` becomes when it will be due: what is left then counts from the end of quiet hours. What
    has run out stays as it is.
    """
    until: int | None = draft.incident.timers.get("quiet")
    if until is None or draft.incident.state != "triggered":
        return
    for name in NAMES:
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
    for name in NAMES:
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
    for name in NAMES:
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
    update: Deadline | None = draft.incident.deadlines.get("update")
    runs = update is not None and update.running
    if draft.incident.state != "snoozed" and not runs:
        start(draft, clock, "update")
    if draft.incident.state == "acknowledged" and "resolve" not in draft.incident.deadlines:
        start(draft, clock, "resolve")


def end(draft: Draft, *, acknowledge: str, resolve: str, by: str) -> None:
    """End all clocks with the episode; the outcomes of two of them are given."""
    settle(draft, "acknowledge", acknowledge, by)
    settle(draft, "resolve", resolve, by)
    drop(draft, "update")
    draft.stop("escalate", "delivery", "remind", "quiet", "snooze", "flap", "stale")
    draft.stop("enrich", "summarize")


def _set(draft: Draft, name: str, deadline: Deadline) -> None:
    draft.set(deadlines={**draft.incident.deadlines, name: deadline})


def _ended(draft: Draft, name: str, outcome: str, by: str) -> None:
    """Count how a clock ended, and keep it for the review; status updates are too many to keep."""
    # What is over is shown under its most urgent alert's priority, and a rise begins anew: the
    # clock that ended ran under the priority before.
    ran = draft.start.priority
    draft.observe("incident_deadlines_total", priority=ran, clock=name, outcome=outcome, by=by)
    if name == "update":
        return
    due = draft.incident.deadlines[name].due
    end = ClockEnd(draft.incident.episode, name, ran, due, draft.now, outcome)
    draft.set(clock_ends=(*draft.incident.clock_ends, end)[-ENDS_KEPT:])
