"""Silences made from an incident: first in Alertmanager, then noted in the incident.

Alertmanager comes first: an incident must not claim a silence that does not exist. When noting it
fails the silence is in force all the same; asked once more, it is found and noted.
"""

from collections.abc import Sequence

from receiver.clock import Clock
from receiver.dispatch import Dispatcher, Outcome
from receiver.errors import PayloadError
from receiver.silences import Silences
from routing.duration import format_duration
from routing.event import Silenced, SilenceExpired
from routing.incident import Actor, Incident, Silence
from routing.matcher import Matcher
from routing.silence import FOR_MAX_MS, FOR_MIN_MS, check_matchers, default_matchers


class Silencer:
    """Makes and ends silences on behalf of people."""

    def __init__(self, silences: Silences, dispatcher: Dispatcher, clock: Clock) -> None:
        self._silences = silences
        self._dispatcher = dispatcher
        self._clock = clock

    async def silence(
        self,
        incident: Incident,
        matchers: Sequence[Matcher],
        until: int,
        comment: str,
        actor: Actor,
        episode: int | None = None,
    ) -> Outcome:
        """Silence ``matchers`` (none: what all alerts of the incident share) until then (ms).

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
        made = await self._silences.create(cluster, wanted, now, until, actor.name, comment, marker)
        shown = ", ".join(str(matcher) for matcher in wanted)
        silence = Silence(made, until, shown, actor.name, cluster)
        event = Silenced(actor, silence, episode)
        return await self._dispatcher.submit(event, incident.id, f"silenced:{incident.id}:{made}")

    async def expire(self, incident: Incident, silence: str, actor: Actor) -> Outcome:
        """End a silence of the incident before its time; SilenceError when it cannot be ended."""
        known = next((one for one in incident.silences if one.id == silence), None)
        if known is None:
            raise PayloadError(f"this incident knows no silence {silence!r}", "silence")
        if not known.expired_at and known.until > self._clock.now():
            await self._silences.expire(known.cluster, known.id)
        return await self._dispatcher.submit(SilenceExpired(actor, silence), incident.id)
