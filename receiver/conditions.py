"""What is wrong with this replica right now, since when, and whether it may still serve.

Whoever notices reports here, under one name, and reports "" when it is over. From this one list
come /health, /-/ready, the gauge ``incident_manager_condition`` and a log line each way.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

import msgspec

log = logging.getLogger("conditions")


class Subject(StrEnum):
    """What can be wrong; also the value of the metric's label."""

    STORE = "store"
    """A commit like the real ones fails."""
    DURABILITY = "durability"
    """The server may lose what was acknowledged."""
    LOST_COMMITS = "lost_commits"
    """The server has lost what it acknowledged."""
    CLOCK = "clock"
    """Clocks disagree, or one of them stepped."""
    DISK = "disk"
    """Little disk space is left for the embedded server."""
    MEMORY = "memory"
    """The server is near its maxmemory."""
    CONNECTIONS = "connections"
    """File descriptors, or the connections of a port, run out."""
    OVERLOAD = "overload"
    """More is sent than can be answered: requests are refused."""
    AGENDA = "agenda"
    """Due work is taken up late, or was put off wrongly."""
    DAMAGED_RECORDS = "damaged_records"
    """Something stored cannot be read and was put aside."""
    REPAIRED = "repaired"
    """The append-only file was mended at the start, which cut something off."""
    NOTIFIERS = "notifiers"
    """A notifier would deliver nothing: its credentials, its channel or the way to it."""
    CREDENTIALS = "credentials"
    """One of those that others show us ends soon, or has ended."""
    CERTIFICATES = "certificates"
    """That of a port ends soon or has ended, or what its files hold now cannot be shown."""
    UNREACHED = "unreached"
    """There are open incidents of which nobody could be told."""
    DUTIES = "duties"
    """What one process does for all is done by nobody."""
    AUDIT = "audit"
    """An anchor of the audit trail was not written where it should be."""
    PROCESSES = "processes"
    """Of several processes of this service one has ended, or does not answer."""


class Condition(msgspec.Struct, frozen=True):
    """One thing that is wrong since ``since`` (ms), in words for people.

    ``unready``: nothing may be accepted meanwhile.
    """

    subject: Subject
    problem: str
    since: int
    unready: bool


class Conditions:
    """What is wrong now, at most one condition a subject."""

    def __init__(self, now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms."""
        self._now = now
        self._present: dict[Subject, Condition] = {}

    def report(
        self, subject: Subject, problem: str, *, unready: bool = False, since: int = 0
    ) -> None:
        """Say how a subject is: in words what is wrong, "" for nothing.

        It began at ``since`` (ms) where that is known, else with the first report, and never later
        than was said before: of two causes the older one may end first. A line is logged when it
        begins, when it becomes or ceases to be a reason to refuse work, and when it ends.
        """
        known = self._present.get(subject)
        if not problem:
            if known is not None:
                del self._present[subject]
                log.info("%s: well again, was: %s", subject, known.problem)
            return
        began = [time for time in (since, known.since if known is not None else 0) if time]
        since = min(began, default=self._now())
        self._present[subject] = Condition(subject, problem, since, unready)
        if known is None or known.unready != unready:
            level = logging.ERROR if unready else logging.WARNING
            log.log(level, "%s%s: %s", subject, " (not ready)" if unready else "", problem)

    def present(self) -> list[Condition]:
        """Return what is wrong, what makes unready first, then what lasts longest."""
        return sorted(self._present.values(), key=lambda item: (not item.unready, item.since))

    def unready(self) -> str:
        """Return why nothing may be accepted, "" when it may."""
        return "; ".join(item.problem for item in self.present() if item.unready)

    def refuses(self, subject: Subject) -> bool:
        """Return whether a subject is why nothing may be accepted."""
        found = self._present.get(subject)
        return found is not None and found.unready
