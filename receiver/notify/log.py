"""The notifier that needs no account: it prints what would be sent."""

import logging

import msgspec

from receiver.notify.base import Absent, Delivered, Outcome, Receipt, Step, View, Wait

log = logging.getLogger("notify")


class LogNotifier:
    """Prints pages and changes of state as log records."""

    kind = "log"
    timeout = 1.0
    steps = 4

    def __init__(self, name: str) -> None:
        self.name = name

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Page while somebody is wanted, then tell each change once."""
        incident = view.incident
        if incident.state == "triggered" and view.page.seq > receipt.paged_seq:
            return Step("page", seq=view.page.seq)
        return Step("update") if receipt.version < incident.version else None

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Print it."""
        incident = view.incident
        if step.what == "page":
            log.info(
                "would page: [%s] %s",
                incident.priority,
                incident.title,
                extra={"incident": incident.id, "runbook": incident.runbook_url or "none"},
            )
        else:
            for entry in view.timeline:
                if entry.kind not in ("opened", "paged"):
                    log.info("would tell: %s", entry.text, extra={"incident": incident.id})
        return Delivered(
            msgspec.structs.replace(
                receipt,
                version=incident.version,
                paged_seq=max(receipt.paged_seq, step.seq),
                cursor=receipt.cursor + len(view.timeline),
                delivered_at=view.now,
            )
        )

    async def find(self, _view: View, _receipt: Receipt) -> Absent:
        """Print it again: nothing tells whether it was printed."""
        return Absent()

    async def close(self) -> None:
        """Nothing to release."""
