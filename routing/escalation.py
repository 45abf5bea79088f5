"""Escalation: who is paged when, and how a page moves on.

Paging is not updating: an update pings nobody. ``page`` raises a durable ``seq`` for a notifier,
which its receipt has to reach. A page that permanently fails, or is not delivered in time, moves
on to the next step at once.
"""

from collections.abc import Callable, Mapping

import msgspec

from routing.alert import Alert
from routing.decision import Draft
from routing.duration import format_duration
from routing.incident import Deadline, Page

REASONS = {
    "opened": "new incident",
    "reopened": "firing again",
    "priority_raised": "priority raised",
    "deadline": "not acknowledged in time",
    "timer": "still not acknowledged",
    "undelivered": "a notifier failed",
    "slow": "a notifier is too slow",
}
"""Why a step is notified: the name is the metric's label, the words are for people."""


class Step(msgspec.Struct, frozen=True):
    """One step of a policy. ``after``: ms since the episode opened; None: a deadline passed."""

    notify: tuple[str, ...]
    after: int | None = None
    mention: str = ""


class Clock(msgspec.Struct, frozen=True):
    """What a priority demands: durations in ms, and the escalation policy it pages through."""

    acknowledge_within: int
    deliver_within: int
    steps: tuple[Step, ...]
    repeat: int = 0

    @property
    def lap(self) -> int:
        """Return the time (ms) one round of the policy takes before it is repeated."""
        return max(step.after or 0 for step in self.steps) + self.acknowledge_within

    def step(self, number: int) -> Step | None:
        """Return step ``number`` counting through repeats, or None when the policy is exhausted."""
        rounds = self.repeat + 1
        if not self.steps or number >= len(self.steps) * rounds:
            return None
        return self.steps[number % len(self.steps)]


class Rules(msgspec.Struct, frozen=True):
    """Everything ``decide`` needs from the configuration for one route. Durations in ms.

    ``classify_group(alert, firing)`` is set only when some rule depends on the size of the group.
    """

    clocks: dict[str, Clock]
    classify_group: Callable[[Alert, int], tuple[str, str]] | None = None
    team: str = ""
    reopen_within: int = 30 * 60_000
    echo_window: int = 60_000
    tombstone_ttl: int = 86_400_000


def start_clocks(draft: Draft, clock: Clock, reason: str) -> None:
    """Page the first step and start the acknowledge clock of an episode or of a raised priority."""
    draft.set(step=-1, undeliverable_counted=False)
    due = draft.now + clock.acknowledge_within
    draft.set(deadlines={**draft.get("deadlines"), "acknowledge": Deadline(due=due)})
    draft.timer("acknowledge", due)
    page_next(draft, clock, reason)


def page_next(
    draft: Draft, clock: Clock, reason: str, paged: Mapping[str, int] | None = None
) -> None:
    """Page the next step that has anybody to notify; an empty step costs no time.

    ``paged`` is what receipts say was delivered, where that is known.
    """
    number, step = _staffed(clock, draft.get("step") + 1)
    if step is None:
        _exhausted(draft, clock, reason, paged or {})
        return
    draft.set(step=number)
    for name in step.notify:
        _page(draft, name, step.mention, reason, paged)
    draft.timer("delivery", draft.now + clock.deliver_within)
    names = ", ".join(step.notify)
    kind = "escalated" if number else "paged"
    draft.say(kind, f"Step {number + 1}, {REASONS[reason]}: notify {names}")
    if number > 0 or reason not in ("opened", "reopened"):
        draft.observe(
            "incident_escalations_total",
            priority=draft.get("priority"),
            step=str(number + 1),
            reason=reason,
        )
    _arm_next(draft, clock, number + 1)


def _staffed(clock: Clock, number: int) -> tuple[int, Step | None]:
    """Return the first step from ``number`` on that has anybody to notify."""
    step = clock.step(number)
    while step is not None and not step.notify:
        number += 1
        step = clock.step(number)
    return number, step


def episode_pages(draft: Draft) -> dict[str, Page]:
    """Return the pages of this episode: older ones neither are late for it nor reached anybody."""
    opened_at: int = draft.get("episode_opened_at")
    pages: dict[str, Page] = draft.get("pages")
    return {name: page for name, page in pages.items() if page.at >= opened_at}


def is_reached(pages: Mapping[str, Page], paged: Mapping[str, int]) -> bool:
    """Return whether any of these pages, or an earlier one of its episode, was delivered."""
    return any(paged.get(name, 0) >= page.since for name, page in pages.items())


def _page(
    draft: Draft, name: str, mention: str, reason: str, paged: Mapping[str, int] | None
) -> None:
    pages: dict[str, Page] = draft.get("pages")
    known = pages.get(name)
    step: int = draft.get("step")
    # A new episode starts its own series: what an older one delivered does not count for it.
    fresh = reason == "reopened" or name not in episode_pages(draft)
    waits = known is not None and paged is not None and paged.get(name, 0) < known.seq
    if known is not None and not fresh and waits and known.failed_seq < known.seq:
        # The last page to it is still on its way: one that arrives late is enough, not two.
        again = msgspec.structs.replace(known, step=step, mention=mention or known.mention)
        draft.set(pages={**pages, name: again})
        return
    seq = known.seq + 1 if known else 1
    page = Page(
        seq=seq,
        since=seq if fresh or known is None else known.since,
        step=step,
        reason=reason,
        mention=mention,
        at=draft.now,
    )
    draft.set(pages={**pages, name: page})


def _arm_next(draft: Draft, clock: Clock, number: int) -> None:
    """Set the timer of the step after the current one, if that step names its own time."""
    number, step = _staffed(clock, number)
    draft.stop("escalate")
    if step is None:
        return
    if step.after is not None:
        laps = (number // len(clock.steps)) * clock.lap
        draft.timer("escalate", max(draft.get("episode_opened_at") + laps + step.after, draft.now))
    elif not draft.get("deadlines")["acknowledge"].running:
        # The deadline that would have triggered it has passed: another such period is given.
        draft.timer("escalate", draft.now + clock.acknowledge_within)


def _exhausted(draft: Draft, clock: Clock, reason: str, paged: Mapping[str, int]) -> None:
    """Nobody is left to notify: say so, and count it once when nobody was reached at all.

    A page that still has time to arrive may reach somebody: the delivery timer asks again.
    """
    pages = episode_pages(draft)
    on_its_way = "delivery" in draft.get("timers") and any(
        page.failed_seq < page.seq and page.at + clock.deliver_within > draft.now
        for page in pages.values()
    )
    if on_its_way or is_reached(pages, paged):
        draft.say("exhausted", f"{REASONS[reason].capitalize()}, and no escalation step is left")
        return
    if draft.get("undeliverable_counted"):
        return
    draft.set(undeliverable_counted=True)
    draft.say("undeliverable", "Nobody could be reached: every notifier of the policy failed")
    draft.observe("incident_undeliverable_total", priority=draft.get("priority"))


def acknowledge_passed(draft: Draft, clock: Clock, paged: Mapping[str, int]) -> None:
    """The acknowledge deadline passed: it is missed, and the next step is notified."""
    deadlines: dict[str, Deadline] = draft.get("deadlines")
    deadline = deadlines["acknowledge"]
    missed = msgspec.structs.replace(deadline, missed_at=draft.now)
    draft.set(deadlines={**deadlines, "acknowledge": missed})
    draft.stop("acknowledge")
    draft.observe(
        "incident_deadlines_total",
        priority=draft.get("priority"),
        clock="acknowledge",
        outcome="missed",
    )
    within = format_duration(clock.acknowledge_within)
    draft.say("deadline_missed", f"Not acknowledged within {within}")
    _, following = _staffed(clock, draft.get("step") + 1)
    if following is None or following.after is None:
        page_next(draft, clock, "deadline", paged)


def settle_deadline(draft: Draft, outcome: str) -> None:
    """End the acknowledge clock: ``met`` by a person, ``void`` when nobody was needed any more."""
    deadlines: dict[str, Deadline] = draft.get("deadlines")
    deadline = deadlines.get("acknowledge")
    draft.stop("acknowledge", "escalate")
    if deadline is None or not deadline.running:
        return
    ended = msgspec.structs.replace(deadline, met_at=draft.now)
    draft.set(deadlines={**deadlines, "acknowledge": ended})
    draft.observe(
        "incident_deadlines_total",
        priority=draft.get("priority"),
        clock="acknowledge",
        outcome=outcome,
    )


def undelivered(draft: Draft, clock: Clock, notifier: str, paged: Mapping[str, int]) -> None:
    """A page will never arrive: it moves on to the next step at once."""
    pages: dict[str, Page] = draft.get("pages")
    page = pages[notifier]
    draft.set(pages={**pages, notifier: msgspec.structs.replace(page, failed_seq=page.seq)})
    # Of two notifiers failing in one step only the first moves the page on.
    current = notifier in episode_pages(draft) and page.step == draft.get("step")
    if current and draft.get("state") == "triggered":
        page_next(draft, clock, "undelivered", paged)
