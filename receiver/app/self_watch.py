"""How the service itself is: its gauges, its conditions, and the signal that all is well."""

from typing import TYPE_CHECKING

from receiver.conditions import Condition, Subject
from receiver.http.tls.config import ClientAuth
from receiver.notify.webhook import WebhookNotifier
from receiver.outgoing_heartbeat.self_checks import (
    check_delivery,
    check_intake,
    check_redis,
    intake_url,
)
from receiver.outgoing_heartbeat.sender import TURN as HEARTBEAT_TURN
from receiver.outgoing_heartbeat.sender import OutgoingHeartbeat
from receiver.slack.interactions.socket_mode import TURNS as SOCKET_TURNS
from receiver.store.redis import connections_of
from routing.duration import format_duration

UNDONE_MS = 60_000
"""What one process does for all may be done by nobody for so long: another takes it over."""

if TYPE_CHECKING:
    from receiver.app.service import Service


class SelfWatch:
    """Asks the parts of a service how they are."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._since = service.clock.now()

    def measure(self) -> None:
        """Set the gauges of what this process holds."""
        service = self._service
        service.load.measure(service.metrics)
        service.metrics.set_processes(service.part.state.running, service.part.state.wanted)
        service.metrics.set_pool("redis", *connections_of(service.redis))
        for name, notifier in service.notifiers.items():
            if isinstance(notifier, WebhookNotifier):
                service.metrics.set_pool(name, notifier.in_use, notifier.connections)
                service.metrics.set_breaker(name, notifier.breaker.state(service.clock.now()))
        clock = service.clock
        service.metrics.set_clock(clock.redis_ahead, clock.machine_ahead, clock.behind)
        service.metrics.set_put_off(service.timekeeper.put_off)
        service.metrics.set_cache("records", service.dispatcher.cache.shown())
        service.metrics.set_cache("enrichment", service.enrichment.shown())

    async def look(self) -> None:
        """Bring up to date what nobody reports by himself."""
        service = self._service
        self.report_notifiers()
        service.conditions.report(Subject.PROCESSES, service.part.state.words)
        service.conditions.report(Subject.CREDENTIALS, service.access.ending())
        await service.unreached.look()
        service.conditions.report(Subject.DUTIES, await self._undone())
        service.metrics.set_damaged(await service.damaged.look())

    async def _undone(self) -> str:
        """Return in words what nobody has done for long, of what one process does for all."""
        service = self._service
        duties = []
        if service.settings.outgoing_heartbeat.url is not None:
            most = 2 * service.settings.outgoing_heartbeat.interval
            duties.append((HEARTBEAT_TURN, "nobody sends the outgoing heartbeat", most))
        if service.slack_socket is not None:
            duties.append((SOCKET_TURNS[0], "nobody keeps a connection to Slack (Socket Mode)", 0))
        found = []
        for turn, words, most in duties:
            late = service.clock.now() - max(await service.turns.last(turn), self._since)
            if late > max(most, UNDONE_MS):
                found.append(f"{words} (for {format_duration(late)})")
        return "; ".join(found)

    def report_notifiers(self) -> None:
        """Say which notifiers fail."""
        service = self._service
        words, since = service.notifier_health.condition()
        service.conditions.report(Subject.NOTIFIERS, words, since=since)

    async def problems(self) -> list[Condition]:
        """Return what is wrong, for the console."""
        service = self._service
        await self.look()
        return service.conditions.present()

    def components(self) -> dict[str, str]:
        """Return how what is beside Redis is, for /health."""
        service = self._service
        found = {
            "durability": service.server_watch.durability.shown,
            "outgoing_heartbeat": service.outgoing_heartbeat.status,
        }
        if service.slack_socket is not None:
            found["slack_socket"] = service.slack_socket.status
        return found

    async def _check_intake(self) -> str:
        web, port = self._service.settings.web, self._service.api_port
        tls = web.tls_server_config
        certified = tls is not None and tls.client_auth_type is ClientAuth.REQUIRED
        return await check_intake(intake_url(web, port), certified=certified)

    def heartbeat(self) -> OutgoingHeartbeat:
        """Return what tells others for as long as all is well."""
        service = self._service
        return OutgoingHeartbeat(
            service.settings.outgoing_heartbeat,
            {
                "intake": self._check_intake,
                "redis": lambda: check_redis(service.health, service.conditions),
                "delivery": lambda: check_delivery(
                    service.tasks,
                    service.clock,
                    lambda: service.notifier_health.lengths(service.settings.notifiers),
                    service.put_off,
                ),
            },
            service.metrics,
            service.clock,
            service.turns,
        )
