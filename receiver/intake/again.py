"""Dead letters sent again, as they were or mended: through the one way in, as what they are.

A letter counts as of the time it came, in the group it came in: what comes of it is what would have
come then. So it is no second firing beside the sender's own next one, and sent twice it is one.
"""

import time
from collections.abc import Callable

import msgspec

from receiver.aio.off_the_loop import off_the_loop
from receiver.audit.notes import Audit
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome
from receiver.errors import PayloadError
from receiver.intake.payload import Payload
from receiver.intake.payload_fields import DERIVED, derived_group_key
from receiver.intake.taking import Taking, Understood
from receiver.store.dead_letters import ALERTS, DeadLetter, DeadLetterStore, Kept, why_not
from receiver.store.incidents import IncidentStore
from routing import interval
from routing.alert import Alert
from routing.event import AlertsReceived
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.vocabulary import Reason


class Again:
    """Sends dead letters again on behalf of people."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it puts together
        self,
        taking: Taking,
        store: DeadLetterStore,
        incidents: IncidentStore,
        clock: Clock,
        audit: Audit,
        one_more: Callable[[str], None],
        is_public: Callable[[str], bool],
    ) -> None:
        """``one_more(who)`` raises TooManyError for one too many.

        ``is_public(cluster)``: whether its alerts put something on the status page, and not all do.
        """
        self._taking = taking
        self._store = store
        self._incidents = incidents
        self._clock = clock
        self._audit = audit
        self._one_more = one_more
        self._is_public = is_public

    async def send(
        self,
        kept: Kept,
        mended: bytes,
        actor: Actor,
        publishes: bool,  # noqa: FBT001 - as it is handed over
    ) -> list[Outcome]:
        """Take a letter in, and off the list; ``mended``: what it should have been, b"": as it is.

        ``publishes``: whether the actor may say what outsiders read.

        PayloadError with the place of what is still wrong: then it stays, and nothing was done.
        """
        started = time.perf_counter()
        if mended and not publishes and self._is_public(kept.letter.cluster):
            raise PayloadError(
                "alerts of this sender are on the status page (status_page.senders): to mend what"
                " it sent needs the role publisher",
                "mended",
            )
        self._one_more(actor.name)
        try:
            found = await off_the_loop(lambda: self._understand(kept.letter, mended, actor))
        except PayloadError as error:
            self._audit.sent_again(actor, kept.id, "refused", str(error))
            raise
        over, events = await self._without_over(found.events, kept.letter.at)
        for _ in events[1:]:
            self._one_more(actor.name)
        outcomes, _ = await self._taking.commit(found._replace(events=events), None, started)
        outcomes += over
        words = ", ".join(
            f"{outcome.incident.id} {outcome.reason}" for outcome in outcomes if outcome.incident
        )
        self._audit.sent_again(actor, kept.id, "mended" if mended else "sent", words)
        await self._store.remove(kept)
        return outcomes

    async def _without_over(
        self, events: list[AlertsReceived], at: int
    ) -> tuple[list[Outcome], list[AlertsReceived]]:
        """Return what is over as it is known, and the events without it.

        What was told to be over since the letter came (``at``, ms) would count as an echo of it,
        and fire again when nobody contradicts that.
        """
        names = await self._incidents.newest(event.key for event in events)
        read = await self._incidents.read(names)
        newest = {name.rpartition("-")[0]: incident for name, incident in read.items()}
        over, left = [], []
        for event in events:
            known = newest.get(event.key)
            fires = tuple(one for one in event.alerts if not _ended_since(known, one, at))
            if fires:
                left.append(msgspec.structs.replace(event, alerts=fires))
            elif known is not None:
                over.append(Outcome(Reason.ALREADY_RESOLVED, known))
        return over, left

    def _understand(self, letter: DeadLetter, mended: bytes, actor: Actor) -> Understood:
        sent_by = f"{letter.sent_by}, sent again by {actor.principal}".removeprefix(", ")
        payload = self._read(letter, mended)
        found = self._taking.understand(payload, letter.cluster, sent_by)
        if not found.events:
            raise PayloadError("there is no alert in it; a heartbeat counts when it comes", "$")
        return found

    def _read(self, letter: DeadLetter, mended: bytes) -> Payload:
        if not mended and (why := why_not(letter)):
            raise PayloadError(why, "mended")
        if letter.door != ALERTS:
            raise PayloadError(why_not(letter), "mended")
        body = mended or letter.raw.encode()
        if letter.around is None:
            return self._whole(body, letter)
        payload = self._whole(b'{"alerts":[%b]}' % body, letter)
        around = letter.around
        key = around.group_key
        if key.startswith(DERIVED) and around.alone:
            # Made of alerts that could be read, of which there was none.
            key = derived_group_key(around.receiver, around.group_labels, {}, payload.alerts)
        return msgspec.structs.replace(
            payload,
            receiver=around.receiver,
            group_key=key,
            group_labels=around.group_labels,
            external_url=around.external_url,
            source=around.source,
            alerts=self._known(payload, letter),
        )

    def _whole(self, body: bytes, letter: DeadLetter) -> Payload:
        """Return a notification of which nothing is wrong."""
        payload = self._taking.read(body, letter.at or self._clock.now())
        for item in payload.rejected:
            place = "$" if letter.around is not None else f"$.alerts[{item.index}]"
            raise PayloadError(item.reason, place)
        return payload

    def _known(self, payload: Payload, letter: DeadLetter) -> tuple[Alert, ...]:
        """Return the alert under the fingerprint by which it was taken, if it was."""
        if not letter.taken:
            return payload.alerts
        if letter.cut:
            raise PayloadError(
                "the alert was taken, but for what the reason names, and too little of it is kept"
                " to find it again: mend its sender",
                "mended",
            )
        before = self._taking.read(b'{"alerts":[%b]}' % letter.raw.encode(), letter.at)
        name = before.alerts[0].fingerprint
        return tuple(msgspec.structs.replace(one, fingerprint=name) for one in payload.alerts)


def _ended_since(incident: Incident | None, alert: Alert, at: int) -> bool:
    """Return whether an incident knows a firing alert as over by an end at or after ``at`` (ms)."""
    known = incident.alerts.get(alert.fingerprint) if incident is not None else None
    if known is None or alert.resolved:
        return False
    return interval.covers(known, alert.starts_at or at) and interval.last_end(known) >= at
