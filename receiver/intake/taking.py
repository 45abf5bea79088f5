"""What a notification becomes: read by our rules, committed, counted. The same for all of them."""

import time
from collections.abc import Callable
from typing import NamedTuple

from receiver.engine.batch_queue import Outcome
from receiver.engine.floods import Floods, Quota
from receiver.intake.heartbeats import Heartbeats
from receiver.intake.hints import Hints
from receiver.intake.payload import Payload, parse_payload
from receiver.observability.correlation import correlation_id
from receiver.observability.metrics.registry import Metrics
from routing.assignment import Assignment, Sender
from routing.event import AlertsReceived
from routing.group import Shards
from routing.vocabulary import Reason


class Understood(NamedTuple):
    """A notification as our rules read it: heartbeats that beat, and an event for each group."""

    payload: Payload
    beaten: list[str]
    events: list[AlertsReceived]
    severities: dict[str, int]


class Taking:
    """The one way in for notifications."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it puts together
        self,
        floods: Floods,
        shards: Shards,
        assignment: Callable[[], Assignment],
        heartbeats: Heartbeats,
        hints: Hints,
        metrics: Metrics,
        max_alerts: int,
    ) -> None:
        """``max_alerts``: so many are read of one notification."""
        self._floods = floods
        self._shards = shards
        self._assignment = assignment
        self._heartbeats = heartbeats
        self._hints = hints
        self._metrics = metrics
        self._max_alerts = max_alerts

    def read(self, body: bytes, now: int) -> Payload:
        """Return what a body says at ``now`` (ms).

        PayloadError, and JunkPayloadError for what is no notification.
        """
        return parse_payload(body, now, max_alerts=self._max_alerts)

    def understand(self, payload: Payload, cluster: str, sent_by: str) -> Understood:
        """Return what a notification means by the rules of now. Asks and changes nothing."""
        alerts, beaten = self._heartbeats.split_heartbeats(payload.alerts)
        sender = Sender(
            cluster,
            payload.receiver,
            payload.group_key,
            payload.group_labels,
            payload.source,
            payload.external_url,
            correlation_id.get(),
            sent_by=sent_by,
        )
        events = self._assignment().assign(alerts, sender, self._shards)
        return Understood(payload, beaten, events, _severities(payload))

    async def commit(
        self, found: Understood, quota: Quota | None, started: float
    ) -> tuple[list[Outcome], list[str]]:
        """Return what became of the alerts, once they are durable, and heartbeats nobody watches.

        ``started``: by ``time.perf_counter``, when the notification came.
        """
        payload, severities = found.payload, found.severities
        outcomes = await self._floods.commit(found.events, quota)
        unwatched = await self._hints.note(payload.source, severities, found.events)
        self._count(payload, severities, outcomes, time.perf_counter() - started)
        return outcomes, unwatched

    def _count(
        self,
        payload: Payload,
        severities: dict[str, int],
        outcomes: list[Outcome],
        seconds: float,
    ) -> None:
        metrics = self._metrics
        for severity, number in severities.items():
            metrics.received(payload.source, severity, number)
        for outcome in outcomes:
            metrics.correlated("group", outcome.reason, seconds)
        unchanged = all(outcome.reason == Reason.REPEAT for outcome in outcomes)
        result = "unchanged" if unchanged else "committed"
        metrics.processed(payload.source, result, seconds, len(payload.alerts))


def _severities(payload: Payload) -> dict[str, int]:
    """Return the number of alerts of each severity."""
    found: dict[str, int] = {}
    for alert in payload.alerts:
        severity = alert.labels.get("severity", "none")
        found[severity] = found.get(severity, 0) + 1
    return found
