"""What a notifier is: it says what is missing at its destination and does one step of it.

Delivery is level-triggered. ``plan`` compares the incident as it is now with the receipt of what
the destination has, and names the next step or None; ``perform`` does it with exactly one attempt.
Only the agenda retries, and it stores the attempt in the receipt before ``perform`` is called, so
that whoever finds an unfinished attempt asks ``find`` first; where the same may come twice, nothing
is stored before and nobody asked.
"""

from typing import Any, Protocol

import msgspec

from receiver.notify.rate_budget import Budget
from receiver.notify.receipt_state import ReceiptState
from receiver.secrets import hide
from routing.incident import Incident
from routing.incident_parts import Entry, Page
from routing.receipt import Attempt, Receipt

__all__ = [
    "Absent",
    "Attempt",
    "Budget",
    "Check",
    "Delivered",
    "Notifier",
    "Outcome",
    "Person",
    "Receipt",
    "Rejected",
    "Retry",
    "Step",
    "Tried",
    "View",
    "Wait",
]


class Person(msgspec.Struct, frozen=True):
    """Somebody on call: PagerDuty's id, name and e-mail ("" where unknown), escalation level."""

    id: str
    name: str
    email: str = ""
    level: int = 1


class View(msgspec.Struct, frozen=True):
    """What a notifier sees. ``timeline`` holds the entries after the receipt's cursor, in order.

    ``on_call``: whom PagerDuty rings first for this incident, where that is known.
    """

    incident: Incident
    page: Page
    timeline: tuple[Entry, ...]
    now: int
    url: str
    on_call: tuple[Person, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """The next thing to do. ``seq`` is the page it delivers, 0 when it pages nobody."""

    what: str
    seq: int = 0
    key: str = ""


class Wait(msgspec.Struct, frozen=True):
    """Nothing may be done before ``until`` (ms)."""

    until: int


class Delivered(msgspec.Struct, frozen=True):
    """The destination has it; ``receipt`` says so. ``note`` is worth a line in the timeline."""

    receipt: Receipt
    note: str = ""


class Retry(msgspec.Struct, frozen=True):
    """Try again later: after ``after`` ms when the service said so, else by backoff.

    ``blocks``: so long (ms) no other call of the same budget makes sense either.

    ``unknown``: the call may have been applied, so ``find`` comes first. ``cause``: as metrics name
    it. ``doubted``: it was refused for this page, and that is not believed yet.
    """

    reason: str
    after: int | None = None
    unknown: bool = False
    blocks: int = 0
    cause: str = "other"
    doubted: bool = False

    def __post_init__(self) -> None:
        """Whatever a service repeats of what it was sent, no secret of ours goes on from here."""
        msgspec.structs.force_setattr(self, "reason", hide(self.reason))


class Rejected(msgspec.Struct, frozen=True):
    """It will never work as it stands: the page moves on.

    ``repairable``: somebody can put it right outside of this service (a token, a channel), so that
    what is to be shown is tried again now and then. ``cause``: as metrics name it. ``odd``: no
    refusal that the service is known for, so that something between (a proxy, a deploy) may have
    said it; it is believed when it comes twice.
    """

    reason: str
    repairable: bool = False
    cause: str = "other"
    odd: bool = False

    def __post_init__(self) -> None:
        """As for ``Retry``: the reason is shown in the incident, by /health and in messages."""
        msgspec.structs.force_setattr(self, "reason", hide(self.reason))


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at; ``state`` is ok, warning or missing."""

    what: str
    state: str
    words: str


class Tried(msgspec.Struct, frozen=True):
    """What came of trying a destination without ringing anybody.

    ``problem``: why nothing would be delivered, "" where nothing is known to be wrong. ``works``:
    it answered as it does when it delivers. ``untried``: what only a delivery shows, in words.
    ``passing``: it could not be tried just now, and what was known of it stays.
    """

    works: bool = False
    problem: str = ""
    untried: str = ""
    passing: bool = False

    def __post_init__(self) -> None:
        """As for ``Retry``: it is shown by /health."""
        for field in ("problem", "untried"):
            msgspec.structs.force_setattr(self, field, hide(getattr(self, field)))


class Absent(msgspec.Struct, frozen=True):
    """The unfinished attempt left nothing behind (or may safely be repeated): do it again.

    ``note`` is set when that could not be checked and a double is possible.
    """

    note: str = ""


Outcome = Delivered | Retry | Rejected


class Notifier(Protocol):
    """One destination. ``timeout``: seconds a call may take; ``steps``: most steps per lease.

    ``repeatable``: whoever gets the same twice is not bothered, so that no attempt is stored.
    ``state``: what it keeps in its receipts beside what all notifiers have.
    """

    name: str
    kind: str
    timeout: float
    steps: int
    repeatable: bool

    @property
    def state(self) -> ReceiptState[Any]:
        """Return what reads, joins and shows its part of a receipt."""
        ...

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Return the next step, or None when the destination is up to date. Pure."""
        ...

    def budget(self, view: View, step: Step) -> Budget | None:
        """Return what the call of a step is counted against; None: it may be made at any time."""
        ...

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Do one step with one attempt. Never raises for what the service or network does."""
        ...

    async def find(self, view: View, receipt: Receipt) -> Delivered | Absent | Retry | Rejected:
        """Find out what became of ``receipt.attempt``."""
        ...

    def recover(self, view: View) -> Receipt:
        """Return what to go on from when the receipt cannot be read. Pure.

        A page that may not have gone out goes out: looked up first where that is possible.
        """
        ...

    async def check(self) -> Tried:
        """Try the destination without ringing anybody. Never raises for what it does."""
        ...

    async def send_test(self, text: str) -> str:
        """Send a message that is marked as a test; return "" when it arrived, else why not."""
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...
