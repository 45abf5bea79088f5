"""What a configuration demands of incidents, as values: clocks, policies and windows."""

from collections.abc import Callable

import msgspec

from routing.alert import Alert
from routing.calendar import Calendar
from routing.condition import Condition
from routing.incident import Incident
from routing.status_rule import StatusRule
from routing.time_limit import TimeLimit


class Step(msgspec.Struct, frozen=True):
    """One step of a policy. ``after``: ms since its clock started; None: a deadline passed.

    ``deaf`` are those of ``notify`` to whom a mention means nothing.
    """

    notify: tuple[str, ...]
    after: int | None = None
    mention: str = ""
    cannot_mention: frozenset[str] = frozenset()

    def mention_for(self, name: str) -> str:
        """Return whom the page of this notifier mentions."""
        return "" if name in self.cannot_mention else self.mention


class Repage(msgspec.Struct, frozen=True):
    """When a group that grows pages again.

    ``doubled``: when twice as many fire as at the last page. ``when``: a condition on
    ``new_alerts``. With neither, only what is new after a long silence pages.
    """

    doubled: bool = False
    when: Condition | None = None


class Clock(msgspec.Struct, frozen=True):
    """What a priority demands, and the escalation policy it pages through.

    ``deliver_within`` and ``remind_after`` in ms. ``quiet``: pages wait for the calendar's working
    hours. ``remind_after`` 0: nobody is asked again; ``remind`` are the notifiers that ask.
    ``repage`` None: a group may grow as it likes. ``inform``: notifiers that are told and reach
    nobody. ``policy``: its name.
    """

    acknowledge_within: TimeLimit | None
    deliver_within: int
    steps: tuple[Step, ...]
    calendar: Calendar
    repeat: int = 0
    resolve_within: TimeLimit | None = None
    update_within: TimeLimit | None = None
    quiet: bool = False
    remind_after: int = 0
    remind: tuple[str, ...] = ()
    repage: Repage | None = None
    inform: tuple[str, ...] = ()
    policy: str = ""

    @property
    def lap(self) -> int:
        """Return the time (ms) one round of the policy takes before it is repeated."""
        within = self.acknowledge_within
        return max(step.after or 0 for step in self.steps) + (within.nominal if within else 0)

    @property
    def rounds(self) -> int:
        """Return how often the steps are gone through: a next round waits for the deadline."""
        return self.repeat + 1 if self.acknowledge_within is not None else 1

    def within(self, name: str) -> TimeLimit | None:
        """Return how long the deadline ``name`` (acknowledge, resolve, update) leaves."""
        found: TimeLimit | None = getattr(self, f"{name}_within")
        return found

    def step(self, number: int) -> Step | None:
        """Return step ``number`` counting through repeats, or None when the policy is exhausted."""
        if not self.steps or number >= len(self.steps) * self.rounds:
            return None
        return self.steps[number % len(self.steps)]


class Rules(msgspec.Struct, frozen=True):
    """Everything ``decide`` needs from the configuration for one route. Durations in ms.

    ``classify_group(alert, firing)`` is set only when some rule depends on the size of the group.
    A firing copy of what is over counts after ``echo_window``, and after ``peer_window`` where it
    may be a late one of a peer of Alertmanager; ``asks``: an Alertmanager is asked at once.
    ``flap_changes`` openings and ends within ``flap_window`` are flapping (0: never), whose end is
    believed after ``flap_hold`` without a firing alert. ``resolve_gone``: an alert that a stale
    check finds gone from Alertmanager counts as resolved. ``stale_after`` 0: nobody looks whether
    it is still reported; ``retention`` 0: nothing is forgotten. ``enrich``: more is found out about
    each episode, but for those of which ``worth_asking`` says that nothing is known anywhere;
    ``summarize``: and put into words. ``status``: what the public status page is told, None without
    one.
    """

    clocks: dict[str, Clock]
    classify_group: Callable[[Alert, int], tuple[str, str]] | None = None
    team: str = ""
    reopen_within: int = 30 * 60_000
    echo_window: int = 60_000
    peer_window: int = 6 * 60_000
    asks: bool = False
    flap_changes: int = 5
    flap_window: int = 30 * 60_000
    flap_hold: int = 10 * 60_000
    stale_after: int = 5 * 3_600_000
    resolve_gone: bool = True
    retention: int = 90 * 86_400_000
    enrich: bool = False
    worth_asking: Callable[[Incident], bool] | None = None
    summarize: bool = False
    status: StatusRule | None = None
