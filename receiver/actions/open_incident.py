"""Incidents that people open by hand: routed, classified, grouped and paged like any alert.

Such an incident is one alert of its own group; nothing but a person ends it.
"""

from collections.abc import Callable

import msgspec

from receiver.actions.row import check_text
from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError
from routing.alert import PRIORITIES, Alert
from routing.assignment import Assignment, Sender
from routing.fingerprint import fingerprint_of
from routing.group import Shards
from routing.incident_parts import Actor

TITLE_MAX = 200
DETAILS_MAX = 2_000
LABEL_MAX = 200
LABELS_MAX = 20
KIND = "manual"


class OpenBody(msgspec.Struct, forbid_unknown_fields=True):
    """``title``: what is wrong; ``priority`` P1 to P4 ("": by the rules); ``labels`` as of alerts.

    ``details`` is what is known so far, ``by`` who opens it, ``human`` as of actions.
    """

    title: str = ""
    priority: str = ""
    details: str = ""
    labels: dict[str, str] = {}
    by: str = ""
    human: bool | None = None


class OpenIncident:
    """Opens incidents on behalf of people."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        assignment: Callable[[], Assignment],
        shards: Shards,
        now: Callable[[], int],
        one_more: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``now()`` gives the time in ms; ``one_more(who)`` raises for one incident too many."""
        self._one_more = one_more
        self._dispatcher = dispatcher
        self._assignment = assignment
        self._shards = shards
        self._now = now

    async def open(self, body: OpenBody, actor: Actor, key: str) -> Outcome:
        """Open an incident; the same ``key`` opens it once, however often it is sent.

        PayloadError with the place of what is wrong with the body.
        """
        title = check_text("title", body.title, TITLE_MAX, needed=True)
        if body.priority and body.priority not in PRIORITIES:
            allowed = ", ".join(PRIORITIES)
            raise PayloadError(f"is {body.priority!r}; allowed: {allowed}", "priority")
        labels = _labels(body.labels) | {"alertname": title}
        if body.priority:
            labels["priority"] = body.priority
        details = check_text("details", body.details, DETAILS_MAX)
        alert = Alert(
            fingerprint=fingerprint_of(labels),
            labels=labels,
            annotations={"description": details} if details else {},
            starts_at=self._now(),
        )
        sender = Sender(
            cluster="", receiver=KIND, group_key=f"{KIND}:{key}", kind=KIND, source=KIND, by=actor
        )
        self._one_more(actor.name)
        (event,) = self._assignment().assign((alert,), sender, self._shards)
        return await self._dispatcher.submit(event, event_id=f"open:{key}")


def _labels(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > LABELS_MAX:
        raise PayloadError(f"has more than {LABELS_MAX} labels", "labels")
    return {
        check_text("labels", name, LABEL_MAX, needed=True): check_text("labels", value, LABEL_MAX)
        for name, value in labels.items()
    }
