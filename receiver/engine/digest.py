"""Digests: many openings that wait for one channel become one message that lists them.

Whoever may post the opening of a P3 or P4 looks at what waits behind it. If that is too much, it
leases those tasks too, stores in each receipt that a digest with this key is being sent, sends it,
and saves every receipt. After a crash each of them looks the digest up by its key, like any other
post of unknown outcome; one that failed once goes its own way.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, runtime_checkable

import msgspec

from receiver.errors import DamagedRecordError, StoreUnavailableError
from receiver.notify.notifier import Delivered, Notifier, Outcome, Step, View
from receiver.store.records.claimed import Reading
from receiver.store.records.record import decode_incident
from receiver.store.tasks import Task, TaskStore
from routing.incident import Incident
from routing.receipt import Attempt, Receipt
from routing.vocabulary import Lane

LOOKED_THROUGH = 500
"""Entries of the agenda, the next to be due, among which waiting openings are looked for."""


@runtime_checkable
class Digester(Protocol):
    """A notifier that can list incidents in one message, at most ``digest_max`` of them."""

    digest_max: int

    def plan(self, view: View, receipt: Receipt) -> object:
        """Return the next step of one incident; see ``Notifier``."""
        ...

    async def digest(self, views: tuple[View, ...], key: str) -> Outcome:
        """Send the list with one call; what comes of it holds for every incident."""
        ...

    def listed(self, view: View, receipt: Receipt) -> Receipt:
        """Return the receipt of an incident that the digest of ``receipt.attempt`` lists."""
        ...


class Member(msgspec.Struct, frozen=True):
    """One incident of a digest: its leased task, and what was read of it."""

    task: Task
    incident: Incident
    receipt: Receipt
    view: View


Hold = Callable[[Task, Receipt], Awaitable[tuple[bool, Receipt]]]
"""Stores a receipt under the lease; returns (lease held, receipt with its new revision)."""


class Folded(msgspec.Struct, frozen=True):
    """A digest about to be sent: its members with the receipts that hold the attempt."""

    digester: Digester
    key: str
    sent: tuple[tuple[Member, Receipt], ...]

    async def send(self) -> Outcome:
        """Send it with one call."""
        return await self.digester.digest(tuple(member.view for member, _ in self.sent), self.key)

    def receipts(self, outcome: Outcome) -> list[tuple[Member, Receipt]]:
        """Return the members with their receipts as the outcome leaves them."""
        if not isinstance(outcome, Delivered):
            return list(self.sent)
        return [
            (member, self.digester.listed(member.view, receipt)) for member, receipt in self.sent
        ]


class Digests:
    """Folds waiting openings."""

    def __init__(
        self,
        tasks: TaskStore,
        notifiers: Mapping[str, Notifier],
        above: int,
        view: Callable[[Incident, Reading, str], View],
    ) -> None:
        """``above``: so many openings may wait without being folded; ``view`` by notifier name."""
        self._tasks = tasks
        self._notifiers = notifiers
        self._above = above
        self._view = view

    async def fold(self, own: Member, step: Step, hold: Hold) -> Folded | None:
        """Store the attempt of a digest of ``own`` and what waits behind it.

        None: there is not enough for a digest, and ``own`` goes its own way.
        """
        if own.incident.lane == Lane.URGENT or not _opens(step, own.receipt):
            return None
        digester = self._notifiers.get(own.task.task.removeprefix("notify:"))
        # Asked last: whether something is of a protocol takes longer than all the rest.
        if not isinstance(digester, Digester):
            return None
        others = await self._waiting(digester, own)
        if not others:
            return None
        key = uuid.uuid4().hex
        trying = [(member, _trying(member, key)) for member in (own, *others)]
        saved = await asyncio.gather(*(hold(member.task, receipt) for member, receipt in trying))
        sent = tuple(
            (member, receipt)
            for (member, _), (held, receipt) in zip(trying, saved, strict=True)
            if held
        )
        return Folded(digester, key, sent) if sent else None

    async def _waiting(self, digester: Digester, own: Member) -> list[Member]:
        """Return leased members to be listed with ``own``; [] when they are few."""
        tasks = await self._tasks.waiting_for(own.task, LOOKED_THROUGH, own.view.now)
        if len(tasks) < self._above:
            return []
        readings = await self._tasks.read(tasks)
        found = [
            member
            for task, reading in zip(tasks, readings, strict=True)
            if (member := self._opening(digester, task, reading)) is not None
        ]
        if len(found) < self._above:
            return []
        chosen = {member.task.incident: member for member in found[: digester.digest_max - 1]}
        leased = await self._tasks.claim_named(
            own.task, [member.task for member in chosen.values()], own.view.now
        )
        return [msgspec.structs.replace(chosen[task.incident], task=task) for task in leased]

    def _opening(self, digester: Digester, task: Task, reading: Reading) -> Member | None:
        """Return the task as a member, None when it is anything but the opening of a P3 or P4."""
        name = task.task.removeprefix("notify:")
        if reading.broken:
            return None
        try:
            incident = decode_incident(reading.record) if reading.record else None
        except (DamagedRecordError, StoreUnavailableError):
            return None
        if incident is None or incident.lane == Lane.URGENT or name not in incident.pages:
            return None
        receipt = reading.receipts.get(name, Receipt())
        if receipt.lost:
            return None
        view = self._view(incident, reading, name)
        step = digester.plan(view, receipt)
        opens = isinstance(step, Step) and _opens(step, receipt)
        return Member(task, incident, receipt, view) if opens else None


def _opens(step: Step, receipt: Receipt) -> bool:
    first = receipt.attempt is None and not receipt.failures and not receipt.paged_seq
    return step.what == "post" and bool(step.seq) and first


def _trying(member: Member, key: str) -> Receipt:
    told = member.receipt.cursor + len(member.view.timeline)
    attempt = Attempt("digest", member.view.now, member.view.page.seq, key, told)
    return msgspec.structs.replace(member.receipt, attempt=attempt)
