"""Silences made from an incident: first in Alertmanager, then noted in the incident.

Alertmanager comes first: an incident must not claim a silence that does not exist, nor that one is
over that still keeps pages away. When noting it fails (Redis is away: 503) the silence is in force,
or ended, all the same; asked once more it is found as it is, and noted. When nobody knows whether
Alertmanager made it, nothing is noted; asked once more it is found, or made. What was asked twice
is one silence and, by its id and end, one entry of the timeline.
"""

from collections.abc import Sequence

from receiver.alertmanager.silences import Silences
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError
from routing.duration import format_duration
from routing.incident import Incident
from routing.incident_parts import Actor, Silence
from routing.matcher import Matcher
from routing.person_event import Silenced, SilenceExpired
from routing.silence import FOR_MAX_MS, FOR_MIN_MS, check_matchers, default_matchers
from routing.vocabulary import Reason

ELSEWHERE = Actor("Alertmanager", "automatic", human=False)
"""Who ended what was over before somebody here asked for its end."""


class Silencer:
    """Makes and ends silences on behalf of people."""

    def __init__(self, silences: Silences, dispatcher: Dispatcher, clock: Clock) -> None:
        self._silences = silences
        self._dispatcher = dispatcher
        self._clock = clock

    async def silence(  # noqa: PLR0913, PLR0917 - what is known of a silence
        self,
        incident: Incident,
        matchers: Sequence[Matcher],
        until: int,
        comment: str,
        actor: Actor,
        episode: int | None = None,
        event_id: str = "",
    ) -> Outcome:
        """Silence ``matchers`` (none: what all alerts of the incident share) until then (ms).

        Asked again with the same matchers, the silence there is ends when it was asked for last.
        PayloadError with the place of what is wrong, SilenceError when Alertmanager does not.
        """
        wanted = tuple(matchers) or default_matchers(incident)
        problem = check_matchers(wanted)
        if problem:
            raise PayloadError(problem, "matchers")
        now = self._clock.now()
        if not FOR_MIN_MS <= until - now <= FOR_MAX_MS:
            longest = format_duration(FOR_MAX_MS)
            raise PayloadError(f"a silence lasts from a minute to {longest}", "for")
        cluster = incident.group.cluster
        marker = f"incident {incident.id}"
        theirs = self._clock.correction
        made = await self._silences.create(
            cluster, wanted, now + theirs, until + theirs, actor.principal, comment, marker
        )
        ends = made.until - theirs
        shown = ", ".join(str(matcher) for matcher in wanted)
        silence = Silence(made.id, ends, shown, actor.principal, cluster)
        event = Silenced(actor, silence, episode)
        event_id = event_id or f"silenced:{incident.id}:{made.id}:{ends}"
        return await self._dispatcher.submit(event, incident.id, event_id)

    async def expire(
        self, incident: Incident, silence: str, actor: Actor, event_id: str = ""
    ) -> Outcome:
        """End a silence of the incident before its time; SilenceError when it cannot be ended.

        ``already_expired``: it was over before, which is noted where it was not known.
        """
        known = next((one for one in incident.silences if one.id == silence), None)
        if known is None:
            raise PayloadError(f"this incident knows no silence {silence!r}", "silence")
        if known.expired_at:
            return Outcome(Reason.ALREADY_EXPIRED, incident)
        # Past its end too: somebody may have moved that in Alertmanager.
        ended = await self._silences.expire(known.cluster, known.id)
        if not ended and known.until <= self._clock.now():
            return Outcome(Reason.ALREADY_EXPIRED, incident)
        event = SilenceExpired(actor if ended else ELSEWHERE, silence)
        outcome = await self._dispatcher.submit(event, incident.id, event_id)
        return outcome if ended else Outcome(Reason.ALREADY_EXPIRED, outcome.incident)
