"""Reads how a service does, for ``/v1/operations`` and the page of it."""

from typing import TYPE_CHECKING

from receiver.alertmanager.silence_list import Listed, Silence
from receiver.audit.keeper import TURN as AUDIT_TURN
from receiver.engine.notifier_health import State
from receiver.outgoing_heartbeat.sender import TURN as HEARTBEAT_TURN
from receiver.settings.shown import digest_of, shown
from receiver.slack.interactions.socket_mode import TURNS as SOCKET_TURNS
from receiver.store.dead_letters import DeadLetterStore
from receiver.store.lists.agenda_view import AgendaView, Queues
from receiver.store.lists.query import Query
from receiver.text.times import rfc3339
from receiver.web.operations.endpoint import Reads
from receiver.web.operations.shapes import (
    Agenda,
    Config,
    ConfigState,
    Duty,
    HeartbeatShape,
    NotifierShape,
    Replicas,
    SilenceCluster,
    SilenceList,
    SilenceShape,
    StoreShape,
)
from routing.heartbeat import Standing

if TYPE_CHECKING:
    from receiver.app.service import Service

NEXT = 20
"""Entries of the agenda that are shown."""


def build_reads(service: "Service", dead_letters: DeadLetterStore) -> Reads:
    """Return what can be read of a service."""
    found = _Reading(service, dead_letters)
    return Reads(
        found.heartbeats,
        found.silences,
        found.agenda,
        found.replicas,
        found.store,
        found.config,
        found.configuration,
    )


class _Reading:
    def __init__(self, service: "Service", dead_letters: DeadLetterStore) -> None:
        self._service = service
        self._dead_letters = dead_letters
        self._agenda = AgendaView(service.redis, service.settings.redis.shards)

    async def heartbeats(self) -> list[HeartbeatShape]:
        return [_heartbeat(one) for one in await self._service.heartbeats.standing()]

    async def silences(self) -> SilenceList:
        # As Alertmanager's clock has it; ours may be corrected.
        theirs = self._service.clock.correction
        clusters = await self._service.silence_list.listed()
        return {
            "silences": [_silence(one, theirs) for of in clusters for one in of.silences],
            "clusters": [_cluster(of) for of in clusters],
        }

    async def agenda(self) -> tuple[Agenda, list[NotifierShape]]:
        service = self._service
        now = service.clock.now()
        waiting, delays = await service.tasks.waiting(now), await service.tasks.delays(now)
        queues = await self._agenda.queues()
        first = await self._agenda.first(now, NEXT)
        agenda: Agenda = {
            "lanes": [
                {
                    "lane": lane,
                    "entries": total,
                    "due": due,
                    "late_seconds": round(delays.get(lane, 0.0), 3),
                }
                for lane, (total, due) in waiting.items()
            ],
            "deliveries": queues.total,
            "counted": queues.counted,
            "next": [
                {
                    "incident": one.incident,
                    "task": one.task,
                    "lane": one.lane,
                    "due_at": rfc3339(one.due),
                    "held": one.held,
                }
                for one in first
            ],
        }
        states = service.notifier_health.states(service.notifiers)
        return agenda, [self._notifier(name, of, queues) for name, of in states.items()]

    def _notifier(self, name: str, state: State, queues: Queues) -> NotifierShape:
        health = self._service.notifier_health
        checked, outage = health.checked(name), state.outage
        return {
            "name": name,
            "type": self._service.notifiers[name].kind,
            "state": state.name,
            "since": rfc3339(outage.first) if outage else None,
            "problem": outage.problem if outage else None,
            "untried": state.words or None,
            "delivered_at": rfc3339(health.delivered(name)),
            "tried_at": rfc3339(checked.at) if checked else None,
            "tried_here": checked.here if checked else None,
            "waiting": queues.waiting.get(name, 0),
        }

    async def replicas(self) -> Replicas:
        service = self._service
        part = service.part
        names = {"the audit trail": AUDIT_TURN}
        if service.settings.outgoing_heartbeat.url is not None:
            names["the outgoing heartbeat"] = HEARTBEAT_TURN
        if service.slack_socket is not None:
            names |= {f"Slack's connection {at}": name for at, name in enumerate(SOCKET_TURNS, 1)}
        return {
            "process": part.number,
            "running": part.state.running,
            "wanted": part.state.wanted,
            "problem": part.state.words or None,
            "duties": [await self._duty(words, name) for words, name in names.items()],
        }

    async def _duty(self, words: str, name: str) -> Duty:
        holder, until = await self._service.turns.holder(name)
        here = holder == self._service.clock.id
        return {"name": words, "holder": holder, "here": here, "until": rfc3339(until)}

    async def store(self) -> StoreShape:
        service = self._service
        lists, watch = service.dispatcher.store.lists, service.server_watch
        free, total = watch.disk or (None, None)
        return {
            "durability": watch.durability.shown,
            "servers": [
                {
                    "address": name,
                    "used_bytes": one.used,
                    "limit_bytes": one.limit,
                    "file_bytes": one.aof_size,
                }
                for name, one in watch.servers.items()
            ],
            "disk_free_bytes": free,
            "disk_total_bytes": total,
            "open_incidents": await lists.total(Query(state="open")) or 0,
            "closed_incidents": await lists.total(Query(state="closed")) or 0,
            "dead_letters": await self._dead_letters.count(),
        }

    def config(self) -> ConfigState:
        return self._state(digest_of(shown(self._service.settings)))

    def configuration(self) -> Config:
        found = shown(self._service.settings)
        return {**self._state(digest_of(found)), "configuration": found}

    def _state(self, digest: str) -> ConfigState:
        reloads = self._service.reloads
        return {
            "hash": digest,
            "since": rfc3339(reloads.began),
            "reloads": [
                {
                    "at": rfc3339(note.at),
                    "by": note.by,
                    "taken": not note.problems,
                    "problems": list(note.problems),
                    "needs_restart": list(note.needs_restart),
                    "warnings": list(note.warnings),
                }
                for note in reversed(reloads.notes)
            ],
        }


def _heartbeat(one: Standing) -> HeartbeatShape:
    return {
        "name": one.name,
        "state": one.state,
        "interval_seconds": one.config.interval / 1000,
        "last_beat_at": rfc3339(one.last),
        "due_at": rfc3339(one.due),
        "missing_since": rfc3339(one.missing_since),
        "late_seconds": one.late / 1000,
        "severity": one.config.severity,
        "matchers": [str(matcher) for matcher in one.config.matchers],
    }


def _silence(one: Silence, theirs: int) -> SilenceShape:
    return {
        "id": one.id,
        "cluster": one.cluster,
        "state": one.state,
        "matchers": one.matchers,
        "starts_at": rfc3339(one.starts - theirs),
        "ends_at": rfc3339(one.ends - theirs),
        "created_by": one.by,
        "comment": one.comment,
        "incident": one.incident or None,
        "link": one.link,
    }


def _cluster(of: Listed) -> SilenceCluster:
    return {"cluster": of.cluster, "total": of.total, "problem": of.problem or None}
