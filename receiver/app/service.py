"""The composition root: makes every part, connects them, starts and stops them in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from receiver.actions.open_incident import OpenIncident
from receiver.actions.perform import Actions
from receiver.actions.silencer import Silencer
from receiver.aio.background import end
from receiver.alertmanager.alert_states import Alertmanagers
from receiver.alertmanager.silences import Silences
from receiver.app.addresses import addresses_of
from receiver.app.enrichment import build_enrichment
from receiver.app.exchange import exchange
from receiver.app.load import Load
from receiver.app.notifiers import build_notifiers
from receiver.app.pagerduty import PagerDuty
from receiver.app.reload import Read, Reload
from receiver.app.retired import Retired
from receiver.app.routes import (
    PATHS,
    Endpoints,
    build_application,
    build_metrics_application,
    build_status_application,
)
from receiver.app.slack import build_router, build_socket
from receiver.app.timer_events import StoredTimerEvents
from receiver.clock import Clock
from receiver.conditions import Condition, Conditions, Subject
from receiver.config_types import is_loopback
from receiver.engine.agenda import Agenda
from receiver.engine.commit_health import CommitHealth
from receiver.engine.damaged import DamagedRecords
from receiver.engine.delivery import Delivery
from receiver.engine.dispatcher import Dispatcher
from receiver.engine.floods import Floods
from receiver.engine.notifier_checks import NotifierChecks
from receiver.engine.notifier_health import NotifierHealth
from receiver.engine.server_watch import ServerWatch
from receiver.engine.timekeeper import Timekeeper
from receiver.engine.unreached import Unreached
from receiver.enrichment.run import Enrichment
from receiver.http.auth import Access
from receiver.http.connections import Connections
from receiver.http.ports import Listening
from receiver.http.routes import Guard
from receiver.intake.alertmanager_webhook import WebhookEndpoint
from receiver.intake.changes import ChangeEndpoint
from receiver.intake.heartbeats import Heartbeats
from receiver.intake.hints import Hints
from receiver.intake.integration_events import IntegrationEventEndpoint
from receiver.notify.config import BUILT_IN
from receiver.notify.receipt_state import shown_by
from receiver.notify.webhook import WebhookNotifier
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing, build_tracing
from receiver.outgoing_heartbeat.self_checks import (
    check_delivery,
    check_intake,
    check_redis,
    intake_url,
)
from receiver.outgoing_heartbeat.sender import OutgoingHeartbeat
from receiver.paths import runbooks_folder
from receiver.people.actor import People
from receiver.review.load import Reviews
from receiver.review.render import ReviewPages
from receiver.runbooks.catalogue import Catalogue
from receiver.runbooks.feedback import RunbookFeedback
from receiver.runbooks.history import RunbookHistory
from receiver.settings.model import Settings
from receiver.settings.rules import build_assignment
from receiver.slack.interactions.http_endpoint import SlackEndpoint
from receiver.slack.interactions.router import Router
from receiver.store.budgets import BudgetStore
from receiver.store.changes import ChangeStore
from receiver.store.daily_figures import FigureStore
from receiver.store.dead_letters import DeadLetterStore
from receiver.store.durability import Judge
from receiver.store.floods import FloodStore
from receiver.store.hints import HintStore
from receiver.store.incidents import IncidentStore
from receiver.store.layout import check_layout
from receiver.store.lists.sorting import Sorting
from receiver.store.redis import Client, connect
from receiver.store.repair.healing import Healing
from receiver.store.repair.put_off import PutOff
from receiver.store.startup import check_server, reach
from receiver.store.tasks import TaskStore
from receiver.web.console import ConsoleEndpoint
from receiver.web.damaged import DamagedEndpoint
from receiver.web.health import StatusEndpoint
from receiver.web.incidents_api import ApiEndpoint
from receiver.web.integrations_api import IntegrationEndpoint
from receiver.web.reload import ReloadEndpoint
from receiver.web.runbooks import RunbookEndpoint
from receiver.web.shared_alerts import SharedAlerts, SharedAlertsEndpoint
from receiver.web.status_page.endpoint import StatusPageEndpoint
from routing.matcher import label_finder

if TYPE_CHECKING:
    from receiver.store.embedded.server import EmbeddedValkey

log = logging.getLogger("app")

VERSION = version("llm-incident-manager")
REPAIRS_EVERY_S = 15.0


class Service:
    """The whole service: ``start`` returns when it answers, ``stop`` when nothing is left open."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, read: Read | None = None
    ) -> None:
        """``clock``: another source of time, for tests that move it.

        ``read``: how the settings are read again, None for never.
        """
        self.settings = settings
        self.clock = clock or Clock()
        self.conditions = Conditions(self.clock.now)
        self.reload = Reload(
            read, lambda: self.settings, partial(exchange, self), self._reloaded
        ).reload
        self.retired = Retired()
        self.api_port = 0
        self.metrics_port = 0
        self.status_port = 0
        self._embedded: EmbeddedValkey | None = None
        self._redis: Client = None
        self._listening = Listening()
        self.load = Load(self.conditions)
        self._background: list[asyncio.Task[None]] = []
        self._tracing: Tracing | None = None
        self._stops = AsyncExitStack()

    async def start(self) -> None:
        """Start everything, or raise with nothing left running."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self.settings
        self._tracing = build_tracing(settings.tracing)
        if self._tracing is not None:
            self._on_stop("tracing", self._tracing.stop)
        url = settings.redis.url
        if not url:
            # Imported only when used: it needs Unix (flock), an external server does not.
            from receiver.store.embedded.server import EmbeddedValkey  # noqa: PLC0415

            storage = settings.storage
            self._embedded = EmbeddedValkey(Path(storage.path) / "valkey", storage.max_memory)
            self._on_stop("the embedded server", self._embedded.stop)
            await self._embedded.start()
            watches = (self._embedded.watch(), self._tell_of_repairs(self._embedded))
            tasks = [asyncio.create_task(watch) for watch in watches]
            self._on_stop("the embedded server's watch", lambda: end(tasks))
            url = self._embedded.url
        self._redis = connect(url)
        self._on_stop("redis", partial(self._redis.aclose, close_connection_pool=True))
        self._build()
        self._stop_parts()
        await reach(self._redis)
        if settings.redis.url:
            await check_server(
                self._redis,
                accept_loss=settings.redis.accept_loss,
                assured=settings.redis.durability == "assured",
            )
        await check_layout(self._redis, settings.redis.shards)
        await self.timekeeper.start()
        await self.server_watch.look()
        await self.health.check()
        self.dispatcher.start(self._committed)
        await self.status_page.start()
        await self.heartbeats.expect()
        self.agenda.start()
        self.pagerduty.start()
        self._background.append(asyncio.create_task(self.timekeeper.run()))
        self._background.append(asyncio.create_task(self.load.watch()))
        self._background.append(asyncio.create_task(self.unreached.run()))
        self._background.append(asyncio.create_task(self.server_watch.run()))
        self._background.append(asyncio.create_task(self.damaged.run()))
        self._background.append(asyncio.create_task(Sorting(self.dispatcher.store).run()))
        await self._listen()
        self.outgoing_heartbeat.start()
        self._background.append(asyncio.create_task(self.notifier_checks.run()))
        if self.slack_socket is not None:
            self.slack_socket.start()

    async def _tell_of_repairs(self, embedded: "EmbeddedValkey") -> None:
        """Say what the embedded server's start mended, until somebody has read it."""
        while True:
            self.conditions.report(Subject.REPAIRED, embedded.repaired(self.clock.now()))
            await asyncio.sleep(REPAIRS_EVERY_S)

    def hold(self, settings: Settings) -> None:
        """Decide by these settings from now on."""
        self.assignment = build_assignment(settings, self._catalogue.names)
        self.load.admission.looks_urgent = label_finder(self.assignment.urgent_labels())
        self.settings = settings

    def _reloaded(self, worked: bool) -> None:  # noqa: FBT001 - the outcome is all there is
        self.metrics.set_reloaded(successful=worked, now=self.clock.now())

    def _committed(self) -> None:
        self.agenda.wake()
        self.status_page.wake()

    def _build(self) -> None:
        self._build_store()
        self._build_watches()
        self._build_actions()
        self._build_agenda()
        self._build_pages()

    def _build_store(self) -> None:
        settings = self.settings
        shards = settings.redis.shards
        store = IncidentStore(
            self._redis,
            shards,
            settings.incidents.tombstone_ttl,
            settings.redis.wait_replicas,
            self.clock.now,
        )
        self.tasks = TaskStore(self._redis, shards, self.clock.now)
        self.figures = FigureStore(self._redis, shards)
        self.unreached = Unreached(store, self.conditions)
        self.access = Access(settings.web.credentials)
        catalogue = Catalogue(runbooks_folder(settings.runbooks.path), addresses_of(settings))
        self._catalogue = catalogue
        self.hold(settings)
        teams = {route.team for route in self.assignment.tree.routes}
        self.metrics = Metrics(
            version=VERSION,
            routes=PATHS,
            channels=(*settings.notifiers, *settings.integrations.told),
            teams=teams,
            priorities=settings.classify.severities,
            integrations=dict.fromkeys((*BUILT_IN, *settings.integrations.named)),
            kinds={name: config.type for name, config in settings.notifiers.items()}
            | {name: name for name in settings.integrations.told},
            runbooks=catalogue.numbers,
            catalogue=catalogue.names,
            external_url=settings.web.base_url,
            llm=settings.enrichment.summary.named,
        )
        self.metrics.set_reloaded(successful=True, now=self.clock.now())
        self.metrics.register_gauges(self._measure)
        self.dispatcher = Dispatcher(
            store,
            self.clock,
            lambda route: self.assignment.rules(route),  # noqa: PLW0108 - a reload replaces it
            self._tracing,
        )
        self.health = CommitHealth(self.dispatcher, self.clock, self.conditions)

    def _build_watches(self) -> None:
        """Make what looks after the service, and the notifiers."""
        settings = self.settings
        store = self.dispatcher.store
        redis = settings.redis
        self.server_watch = ServerWatch(
            Judge(accept_loss=redis.accept_loss, assured=redis.durability == "assured"),
            None if redis.url else Path(settings.storage.path),
            self.tasks,
            self.clock,
            self.conditions,
            self.metrics,
            self.health,
        )
        self.heartbeats = Heartbeats(
            self.dispatcher,
            lambda: self.assignment,
            settings.heartbeats,
            settings.redis.shards,
            self.clock.now,
        )
        self.damaged = DamagedRecords(
            Healing(store), store.mending.register, self.conditions, self.heartbeats
        )
        self._notifier_health = NotifierHealth(self.clock)
        self.pagerduty = PagerDuty(settings, self.clock)
        self.notifiers = build_notifiers(settings, self.pagerduty)

    def _build_actions(self) -> None:
        """Make what people use: reviews, silences, Slack; and what is found out for them."""
        settings = self.settings
        store = self.dispatcher.store
        shards = settings.redis.shards
        address = settings.web.base_url
        pages = ReviewPages(settings.review.templates, address)
        self.reviews = Reviews(store, self.clock, pages)
        self.alertmanagers = Alertmanagers(settings.alertmanagers)
        self.open_incident = OpenIncident(
            self.dispatcher, lambda: self.assignment, shards, self.clock.now
        )
        self.silences = Silences(settings.alertmanagers)
        self.actions = Actions(
            self.dispatcher,
            Silencer(self.silences, self.dispatcher, self.clock),
            self.clock,
            tuple(component.name for component in settings.status_page.components),
        )
        self.router = self.new_router(settings)
        self.slack_socket = build_socket(settings, self.router)
        self.changes = ChangeStore(self._redis)
        self.enrichment = self.new_enrichment(settings)

    def new_router(self, settings: Settings) -> Router:
        """Return what answers Slack."""
        address = settings.web.base_url
        base = f"{address}/incidents/"
        return build_router(
            settings,
            self.dispatcher,
            self.open_incident,
            self.actions,
            self.figures,
            self.clock,
            self.pagerduty.shown,
            self.pagerduty.user_id,
            lambda incident: base + incident if incident else f"{address}/",
            self.reviews,
        )

    def new_enrichment(self, settings: Settings) -> Enrichment:
        """Return what finds context."""
        store, address = self.dispatcher.store, settings.web.base_url
        return build_enrichment(
            settings.enrichment,
            metrics=self.metrics,
            store=store,
            changes=self.changes,
            changes_elsewhere=self.pagerduty.changes,
            read_runbook=self._catalogue.read,
            people=self.pagerduty.people,
            base_url=address,
        )

    def _enrichment_cache(self) -> dict[str, Any]:
        return self.enrichment.shown()

    async def _is_person(self, user_id: str) -> bool:
        return await self.router.users.is_person(user_id)

    async def _close_notifier(self, name: str) -> None:
        await self.notifiers[name].close()

    async def _close_enrichment(self) -> None:
        await self.enrichment.close()

    def _build_agenda(self) -> None:
        """Make what delivers, and what makes events of timers."""
        settings = self.settings
        store = self.dispatcher.store
        base = f"{settings.web.base_url}/incidents/"
        delivery = Delivery(
            self.notifiers,
            self.tasks,
            self.dispatcher,
            self.clock,
            self.metrics,
            lambda incident: base + incident,
            BudgetStore(self._redis),
            self._notifier_health,
            digest_above=settings.budgets.digest_above,
            on_call=self.pagerduty.people,
            tracing=self._tracing,
        )
        self._shared = SharedAlerts(store, settings.incidents.stale_after)
        self.timer_events = StoredTimerEvents(
            self.dispatcher,
            self.alertmanagers,
            self.heartbeats,
            self.enrichment,
            self._shared,
            self.clock,
        )
        self.agenda = Agenda(
            self.tasks, delivery, self.dispatcher, self.timer_events, self.clock, self.notifiers
        )
        self._put_off = PutOff(self._redis, settings.redis.shards, self.agenda.leases)
        self.timekeeper = Timekeeper(
            self.clock,
            store,
            self.conditions,
            self._put_off,
            self.heartbeats.expect,
            alone=self._embedded is not None,
        )

    def _build_pages(self) -> None:
        """Make what is shown, and what tells others that all is well."""
        settings = self.settings
        store = self.dispatcher.store
        catalogue = self._catalogue
        self.status_page = StatusPageEndpoint(store, settings.status_page, self.clock)
        self._runbooks = RunbookEndpoint(
            catalogue,
            RunbookHistory(store.lists, catalogue.names, settings.runbooks.system_label),
            RunbookFeedback(self.figures),
            self.clock,
            settings.web.link_path,
        )
        self._endpoints = self._build_endpoints(store)
        self.outgoing_heartbeat = self._build_heartbeat()
        self.notifier_checks = NotifierChecks(
            self.notifiers,
            self._notifier_health,
            settings.observability.check_notifiers_every,
            self._report_notifiers,
        )

    def _build_endpoints(self, store: IncidentStore) -> Endpoints:
        settings = self.settings
        dead_letters = DeadLetterStore(self._redis)
        floods = Floods(self.dispatcher, FloodStore(self._redis), self.metrics, self.clock.now)
        hints = Hints(
            HintStore(self._redis),
            lambda: self.assignment,
            self.heartbeats,
            self.metrics,
            self.clock.now,
        )
        webhook = WebhookEndpoint(
            floods,
            settings.redis.shards,
            lambda: self.assignment,
            dead_letters,
            self.clock,
            self.metrics,
            self.heartbeats,
            hints,
        )
        webhook.max_alerts = settings.web.max_alerts
        self.status = self._build_status(store)
        self.slack = SlackEndpoint(self.router, settings.slack.signing_secret, self.clock)
        self.integration_events = IntegrationEventEndpoint(
            settings.integrations.named,
            floods,
            settings.redis.shards,
            lambda: self.assignment,
            self.access,
            hints,
        )
        built = (
            webhook,
            self.slack,
            self.pagerduty.webhook(
                self.dispatcher, self.tasks, dead_letters, self._redis, self.metrics
            ),
            self.pagerduty.on_call(),
            ReloadEndpoint(self.reload),
            DamagedEndpoint(store.mending.register, self.damaged),
            self._build_api(dead_letters),
            self.status,
            self._runbooks,
            self._build_console(),
            self._build_integrations(),
            self.integration_events,
            hints,
            ChangeEndpoint(self.changes, self.clock),
            SharedAlertsEndpoint(self._shared),
            self.status_page,
        )
        forgets = partial(self.conditions.refuses, Subject.DURABILITY)
        return Endpoints(built, Guard(self.access, forgets))

    def _build_api(self, dead_letters: DeadLetterStore) -> ApiEndpoint:
        settings = self.settings
        return ApiEndpoint(
            self.dispatcher,
            dead_letters,
            self.open_incident,
            self.actions,
            self.reviews,
            People(settings.people, self._is_person, self.pagerduty.user_id),
            shown_by(self.notifiers),
        )

    def _build_integrations(self) -> IntegrationEndpoint:
        return IntegrationEndpoint(
            self.metrics.integrations,
            self.clock,
            self.notifiers,
            self._notifier_health.present,
            {"records": self.dispatcher.cache.shown, "enrichment": self._enrichment_cache},
        )

    def _build_console(self) -> ConsoleEndpoint:
        return ConsoleEndpoint(
            self.actions,
            self.dispatcher.store,
            self.figures,
            self.clock,
            self.settings.web.link_path,
            self.reviews,
            self._problems,
        )

    def _build_status(self, store: IncidentStore) -> StatusEndpoint:
        settings = self.settings
        token = settings.web.metrics_token
        status = StatusEndpoint(
            store,
            self.tasks,
            self.clock,
            self.metrics,
            self.access,
            self.conditions,
            self.health,
            self.figures,
            token.get_secret_value() if token else "",
        )
        status.components = self._components
        status.notifiers = lambda: self._notifier_health.states(self.notifiers)
        status.look = self._look
        return status

    def _build_heartbeat(self) -> OutgoingHeartbeat:
        return OutgoingHeartbeat(
            self.settings.outgoing_heartbeat,
            {
                "intake": lambda: check_intake(intake_url(self.settings.web, self.api_port)),
                "redis": lambda: check_redis(self.health, self.conditions),
                "delivery": lambda: check_delivery(
                    self.tasks,
                    self.clock,
                    lambda: self._notifier_health.lengths(self.settings.notifiers),
                    self._put_off,
                ),
            },
            self.metrics,
            self.clock,
        )

    def _measure(self) -> None:
        """Set the gauges of what this process holds."""
        self.load.measure(self.metrics)
        pool = self._redis.connection_pool
        # redis-py has no public word for it.
        self.metrics.set_pool("redis", len(pool._in_use_connections), pool.max_connections)  # noqa: SLF001
        for name, notifier in self.notifiers.items():
            if isinstance(notifier, WebhookNotifier):
                self.metrics.set_pool(name, notifier.in_use, notifier.connections)
                self.metrics.set_breaker(name, notifier.breaker.state(self.clock.now()))
        clock = self.clock
        self.metrics.set_clock(clock.redis_ahead, clock.machine_ahead, clock.behind)
        self.metrics.set_put_off(self.timekeeper.put_off)
        self.metrics.set_cache("records", self.dispatcher.cache.shown())
        self.metrics.set_cache("enrichment", self.enrichment.shown())

    async def _look(self) -> None:
        """Bring up to date what nobody reports by himself."""
        self._report_notifiers()
        await self.unreached.look()
        self.metrics.set_damaged(await self.damaged.look())

    def _report_notifiers(self) -> None:
        words, since = self._notifier_health.condition()
        self.conditions.report(Subject.NOTIFIERS, words, since=since)

    async def _problems(self) -> list[Condition]:
        """Return what is wrong, for the console."""
        await self._look()
        return self.conditions.present()

    def _components(self) -> dict[str, str]:
        """Return how what is beside Redis is, for /health."""
        found = {
            "durability": self.server_watch.durability.shown,
            "outgoing_heartbeat": self.outgoing_heartbeat.status,
        }
        if self.slack_socket is not None:
            found["slack_socket"] = self.slack_socket.status
        return found

    async def _listen(self) -> None:
        settings = self.settings
        api = build_application(settings, self._endpoints, self.metrics, self._tracing)
        address = settings.web.listen_address
        self.api_port = await self._listening.open(api, address, self._connections("api"))
        if settings.observability.prometheus_enabled:
            metrics = build_metrics_application(settings, self._endpoints, self.status)
            address = settings.web.metrics_address
            if not is_loopback(address) and settings.web.metrics_token is None:
                log.warning("/metrics at %s is open to all: set web.metrics_token", address)
            connections = self._connections("metrics")
            self.metrics_port = await self._listening.open(metrics, address, connections)
        if settings.status_page.listen_address and self.status_page.enabled:
            status = build_status_application(self._endpoints, self.status_page, self.metrics)
            address = settings.status_page.listen_address
            connections = self._connections("status")
            self.status_port = await self._listening.open(status, address, connections)

    def _connections(self, port: str) -> Connections:
        return self.load.connections(port, lambda: self.metrics.connection_refused(port))

    def retire(self) -> None:
        """Be unready from now on, and serve all the same until ``stop``."""
        self.status.stopping = True

    async def stop(self) -> None:
        """Accept nothing more, finish what is under way, close everything."""
        await self._stops.aclose()

    def _on_stop(self, name: str, stop: Callable[[], Awaitable[object]]) -> None:
        """Have this stopped before everything that was named earlier; what fails stops no other."""

        async def stopped() -> None:
            try:
                await stop()
            except Exception:
                log.exception("%s did not stop as it should", name)

        self._stops.push_async_callback(stopped)

    def _stop_parts(self) -> None:
        """Have the parts stopped, from what comes in to what everything else needs."""
        self._on_stop("health", self.health.stop)
        self._on_stop("work beside", lambda: end(self._background))
        for name in reversed(list(self.notifiers)):
            self._on_stop(f"notifier {name}", partial(self._close_notifier, name))
        self._on_stop("enrichment", self._close_enrichment)
        self._on_stop("what was replaced", self.retired.close)
        self._on_stop("silences", self.silences.close)
        self._on_stop("alertmanagers", self.alertmanagers.close)
        self._on_stop("slack", self.slack.close)
        self._on_stop("dispatcher", self.dispatcher.stop)
        self._on_stop("pagerduty", self.pagerduty.close)
        self._on_stop("status page", self.status_page.stop)
        self._on_stop("agenda", self.agenda.stop)
        self._on_stop("ports", self._listening.close)
        if self.slack_socket is not None:
            self._on_stop("slack socket", self.slack_socket.close)
        self._on_stop("outgoing heartbeat", self.outgoing_heartbeat.stop)
