"""What a timer has to know from outside before it is decided, and whom it has to tell first.

Timers are decided by ``routing``, which asks nobody. For some of them something has to be asked
(Alertmanager, the last time a payload came) or told (the target of a merge, a missing heartbeat's
alert) before. All of it may be repeated after a crash.
"""

import asyncio

from receiver.alertmanager.alert_states import Alertmanagers
from receiver.clock import Clock
from receiver.engine.dispatcher import Dispatcher
from receiver.enrichment.run import Enrichment
from receiver.intake.heartbeats import Heartbeats
from receiver.store.records.claimed import Reading
from receiver.store.tasks import Task
from receiver.web.shared_alerts import SharedAlerts
from routing.actions.merge import news
from routing.event import Seen, TimerDue
from routing.incident import Incident
from routing.vocabulary import Reason

ASKS = frozenset({"stale", "echo", "merge", "heartbeat", "forget", "enrich", "summarize"})
"""Timers that need more than what receipts say."""


class StoredTimerEvents:
    """Makes the events of due timers."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        alertmanagers: Alertmanagers,
        heartbeats: Heartbeats,
        enrichment: Enrichment,
        shared: SharedAlerts,
        clock: Clock,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = dispatcher.store
        self._alertmanagers = alertmanagers
        self._heartbeats = heartbeats
        self.enrichment = enrichment
        self._shared = shared
        self._clock = clock

    async def event(self, task: Task, reading: Reading) -> TimerDue:
        """Return the event of a due timer; ``reading`` is what was stored when it was claimed.

        StoreUnavailableError when something could not be made durable: the task comes again.
        """
        plain = TimerDue(task.task, reading.paged, errors=reading.errors)
        if task.task not in ASKS:
            return plain
        incident = await self._store.load(task.incident, reading.record)
        if incident is None or incident.damage is not None:
            return plain
        if task.task == "merge":
            return await self._tell_target(incident)
        if task.task in ("enrich", "summarize"):
            ask = self.enrichment.about if task.task == "enrich" else self.enrichment.summary
            return TimerDue(task.task, context=await ask(incident, self._clock.now()))
        if task.task == "heartbeat":
            known = await self._heartbeats.missed(task, incident)
            return TimerDue(task.task, lost=not known)
        seen_at, alerts = await asyncio.gather(
            self._store.last_seen(incident), self._ask(task, incident)
        )
        elsewhere: dict[str, str] = {}
        if task.task == "stale":
            elsewhere = await self._shared.elsewhere(incident, seen_at, self._clock.now())
        return TimerDue(task.task, reading.paged, seen_at, alerts, elsewhere=elsewhere)

    async def _ask(self, task: Task, incident: Incident) -> dict[str, Seen] | None:
        """Return what Alertmanager says of the alerts in question, None when it says nothing."""
        if incident.kind != "alert" or task.task == "forget":
            return None
        if task.task == "echo":
            found = [one.alert for one in incident.suspected.values()]
        else:
            found = incident.watched()
        labels = {alert.fingerprint: alert.labels for alert in found}
        if not labels:
            return None
        return await self._alertmanagers.states(
            incident.group.cluster, labels, unanimous=task.task == "echo"
        )

    async def _tell_target(self, incident: Incident) -> TimerDue:
        told = news(incident)
        outcome = await self._dispatcher.submit(told, incident.merged_into)
        lost = outcome.reason == Reason.UNKNOWN_INCIDENT
        return TimerDue("merge", told=told.firing, told_priority=told.priority, lost=lost)
