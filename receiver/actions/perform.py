"""What a person asked for, done: the one way from every face to a decision."""

from collections.abc import Callable, Sequence

import msgspec

from receiver.actions.registry import REGISTRY
from receiver.actions.row import TEXT_MAX, Body, Request, check_text, read_until
from receiver.actions.silence import SilenceBody, UnsilenceBody, read_matchers
from receiver.actions.silencer import Silencer
from receiver.actions.status_page import refuse_no_component
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome, is_meant_for
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError
from routing.incident_parts import Actor
from routing.person_event import Merged, Noted, ReviewSaved
from routing.review_sections import text_of, versions_of
from routing.vocabulary import Reason


class Actions:
    """Does what a row of the registry says."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        silencer: Silencer,
        clock: Clock,
        components: Sequence[str] = (),
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``components``: those of the status page; ``note(who)`` raises for one note too many."""
        self._note = note
        self.components = components
        self._dispatcher = dispatcher
        self._silencer = silencer
        self._clock = clock

    async def perform(
        self,
        name: str,
        incident: str,
        body: Body,
        actor: Actor,
        event_id: str = "",
        versions: frozenset[int] = frozenset(),
    ) -> Outcome:
        """Do an action of the registry; the same ``event_id`` does it once, however often sent.

        ``versions``: those of the incident that it is meant for, none for any.
        PayloadError with the place of what is wrong, SilenceError when Alertmanager does not.
        """
        now = self._clock.now()
        read = REGISTRY[name].read
        if read is None:
            return await self._silence(incident, body, actor, now, event_id, versions)
        event = read(body, Request(actor, now, self.components))
        if isinstance(event, Noted):
            self._note(actor.name)
        if isinstance(event, Merged):
            await self._check_target(event.target)
        if isinstance(event, ReviewSaved):
            event = await self._only_changed(incident, event)
        outcome = await self._dispatcher.submit(event, incident, event_id, versions)
        refuse_no_component(outcome.reason, self.components)
        return outcome

    async def _only_changed(self, incident: str, event: ReviewSaved) -> ReviewSaved:
        """Leave out the sections that say what they said: each version is what it changed."""
        known = text_of(versions_of(await self._dispatcher.store.timeline(incident)))
        changed = {name: text for name, text in event.sections.items() if text != known[name]}
        return msgspec.structs.replace(event, sections=changed)

    async def _check_target(self, incident: str) -> None:
        found = await self._dispatcher.store.find(incident)
        if found is None or not found.is_open:
            raise PayloadError(f"there is no open incident {incident!r} to merge into", "into")

    async def _silence(
        self,
        name: str,
        body: Body,
        actor: Actor,
        now: int,
        event_id: str,
        versions: frozenset[int],
    ) -> Outcome:
        incident = await self._dispatcher.store.find(name)
        if incident is None:
            return Outcome(Reason.UNKNOWN_INCIDENT, None)
        # Before Alertmanager is asked: the same silence a minute later would end a minute later.
        if event_id and await self._dispatcher.store.was_applied(incident.id, event_id):
            return Outcome(Reason.DUPLICATE, incident)
        another = body.episode is not None and body.episode != incident.episode
        if another or not is_meant_for(incident, versions):
            return Outcome(Reason.STALE, incident)
        if isinstance(body, UnsilenceBody):
            return await self._silencer.expire(incident, body.silence, actor, event_id)
        if not isinstance(body, SilenceBody):
            raise TypeError(type(body).__name__)
        until = read_until(body.span, body.until, now)
        comment = check_text("comment", body.comment, TEXT_MAX)
        return await self._silencer.silence(
            incident, read_matchers(body.matchers), until, comment, actor, body.episode, event_id
        )
