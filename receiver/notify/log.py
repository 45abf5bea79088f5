"""The notifier that needs no account: it prints what would be sent."""

import logging

import msgspec

from receiver.notify.notifier import Absent, Delivered, Outcome, Receipt, Step, Tried, View, Wait
from receiver.notify.receipt_state import NO_STATE
from receiver.text.times import rfc3339
from routing.incident import Incident
from routing.vocabulary import Kind

log = logging.getLogger("notify")

_PAGING = (Kind.OPENED, Kind.PAGED, Kind.ESCALATED)
"""Kinds of timeline entries that the line of a page says already."""


class LogNotifier:
    """Prints pages and changes of state as log records."""

    kind = "log"
    state = NO_STATE
    timeout = 1.0
    steps = 4
    repeatable = True

    def __init__(self, name: str) -> None:
        self.name = name

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Page while somebody is wanted, and tell each change once."""
        incident = view.incident
        settled = max(receipt.paged_seq, receipt.failed_seq)
        if incident.wants(view.page) and view.page.seq > settled:
            return Step("page", seq=view.page.seq)
        return Step("update") if receipt.version < incident.version else None

    def budget(self, _view: View, _step: Step) -> None:
        """A log takes as much as it is given."""

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Print it: the page first, and in one step with it what else there is to tell."""
        incident = view.incident
        extra = {"incident": incident.id}
        if step.what == "page":
            log.info(
                "[%s] would page: %s | %s | runbook %s | %s",
                incident.priority,
                incident.title,
                incident.id,
                incident.runbook_url or "none",
                _deadline(incident),
                extra=extra,
            )
        for entry in view.timeline:
            if entry.kind not in _PAGING:
                log.info(
                    "[%s] would tell: %s: %s",
                    incident.priority,
                    entry.kind,
                    entry.text,
                    extra=extra,
                )
        told = msgspec.structs.replace(
            receipt,
            paged_seq=max(receipt.paged_seq, step.seq),
            version=incident.version,
            cursor=receipt.cursor + len(view.timeline),
            delivered_at=view.now,
        )
        return Delivered(told)

    async def find(self, _view: View, _receipt: Receipt) -> Absent:
        """Print it again: nothing tells whether it was printed."""
        return Absent()

    def recover(self, _view: View) -> Receipt:
        """Print it again."""
        return Receipt()

    async def check(self) -> Tried:
        """Whatever is logged arrives."""
        return Tried(works=True)

    async def send_test(self, text: str) -> str:
        """Print it."""
        log.info("%s", text)
        return ""

    async def close(self) -> None:
        """Nothing to release."""


def _deadline(incident: Incident) -> str:
    deadline = incident.deadlines.get("acknowledge")
    if deadline is None:
        return "no deadline"
    if deadline.missed_at:
        return f"acknowledge was due {rfc3339(deadline.due)}"
    return f"acknowledge by {rfc3339(deadline.due)}"
