"""The composition root: makes every part, connects them, starts and stops them in order."""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from receiver.actions.open_incident import OpenIncident
from receiver.actions.perform import Actions
from receiver.actions.silencer import Silencer
from receiver.aio.background import end
from receiver.alertmanager.alert_states import Alertmanagers
from receiver.alertmanager.silence_list import SilenceList
from receiver.alertmanager.silences import Silences
from receiver.app.addresses import addresses_of
from receiver.app.audit import AuditParts
from receiver.app.endpoints import build_endpoints
from receiver.app.enrichment import build_enrichment
from receiver.app.exchange import exchange
from receiver.app.life import Life
from receiver.app.listening import Ports
from receiver.app.load import Load
from receiver.app.notifiers import build_notifiers, config_of, digest_of
from receiver.app.pagerduty import PagerDuty
from receiver.app.processes.part import Part
from receiver.app.reload import Read, Reload
from receiver.app.retired import Retired
from receiver.app.routes import PATHS, VERSION
from receiver.app.self_watch import SelfWatch
from receiver.app.slack import build_router, build_socket
from receiver.app.timer_events import StoredTimerEvents
from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.config.problem import Place
from receiver.engine.agenda import Agenda
from receiver.engine.commit_health import CommitHealth
from receiver.engine.damaged import DamagedRecords
from receiver.engine.delivery import Delivery
from receiver.engine.dispatcher import Dispatcher
from receiver.engine.lost_commits import LostCommits
from receiver.engine.notifier_checks import NotifierChecks, Shared
from receiver.engine.notifier_health import NotifierHealth
from receiver.engine.server_watch import ServerWatch
from receiver.engine.timekeeper import Timekeeper
from receiver.engine.unreached import Unreached
from receiver.enrichment.run import Enrichment
from receiver.http.auth import Access
from receiver.http.limits import Limits
from receiver.intake.heartbeats import Heartbeats
from receiver.intake.integration_events import IntegrationEventEndpoint
from receiver.login.login import Login
from receiver.login.uses import Uses
from receiver.notify.config import BUILT_IN
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing, build_tracing
from receiver.paths import runbooks_folder
from receiver.review.load import Reviews
from receiver.review.render import ReviewPages
from receiver.runbooks.catalogue import Catalogue
from receiver.settings.model import Settings
from receiver.settings.places import Origins
from receiver.settings.rules import build_assignment
from receiver.slack.interactions.http_endpoint import SlackEndpoint
from receiver.slack.interactions.router import Router
from receiver.store.budgets import BudgetStore
from receiver.store.changes import ChangeStore
from receiver.store.daily_figures import FigureStore
from receiver.store.incidents import IncidentStore
from receiver.store.layout import check_layout
from receiver.store.lists.sorting import Sorting
from receiver.store.logins.uses import UseStore
from receiver.store.redis import Client, connect
from receiver.store.repair.healing import Healing, begin_items
from receiver.store.repair.put_off import PutOff
from receiver.store.replicas.tries import Tries
from receiver.store.replicas.turns import Turns
from receiver.store.server.permissions import check_permitted
from receiver.store.server.several import Judges
from receiver.store.server.startup import check_server, reach
from receiver.store.tasks import TaskStore
from receiver.web.health import StatusEndpoint
from receiver.web.listing.build import build_hub
from receiver.web.shared_alerts import SharedAlerts
from receiver.web.status_page.endpoint import StatusPageEndpoint
from routing.group import Shards
from routing.matcher import label_finder

if TYPE_CHECKING:
    from receiver.store.embedded.server import EmbeddedValkey

log = logging.getLogger("app")

REPAIRS_EVERY_S = 15.0
LEAVE_S = 5.0
"""How long senders have to hear, with an answer, that their connection ends."""


class Service:
    """The whole service: ``start`` returns when it answers, ``stop`` when nothing is left open."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        read: Read | None = None,
        part: Part | None = None,
    ) -> None:
        """``clock``: another source of time, for tests that move it.

        ``read``: how the settings are read again, None for never. ``part``: what this process is
        of the service, None for all of it.
        """
        self.part = part or Part()
        self.settings = settings
        self.clock = clock or Clock()
        self.conditions = Conditions(self.clock.now)
        self.exposed: Sequence[str] = ()
        """What of the configuration's secrets is weak, or can be read by others, in words."""
        self.lines: Mapping[Place, str] = {}
        """Where in the configuration what decides was given."""
        self.reloads = Reload(
            read,
            lambda: self.settings,
            partial(exchange, self),
            self._reloaded,
            lambda: self.audit.audit,
            self.clock.now,
        )
        self.reload_here = self.reloads.reload
        self.retired = Retired()
        self.api_port = 0
        self.metrics_port = 0
        self.status_port = 0
        self.embedded: EmbeddedValkey | None = None
        self.redis: Client = None
        self.shards = Shards(settings.redis.shards)
        self.ports = Ports(self)
        self.load = Load(self.conditions)
        self.tracing: Tracing | None = None
        self.life = Life()
        self.watch = SelfWatch(self)

    async def start(self) -> None:
        """Start everything, or raise with nothing left running."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self.settings
        self.tracing = build_tracing(settings.tracing)
        if self.tracing is not None:
            self.life.on_stop("tracing", self.tracing.stop)
        url = settings.redis.url or self.part.redis_url
        if not url:
            # Imported only when used: it needs Unix (flock), an external server does not.
            from receiver.store.embedded.server import EmbeddedValkey  # noqa: PLC0415

            storage = settings.storage
            self.embedded = EmbeddedValkey(Path(storage.path) / "valkey", storage.max_memory)
            self.life.on_stop("the embedded server", self.embedded.stop)
            await self.embedded.start()
            watch = asyncio.create_task(self.embedded.watch())
            self.life.on_stop("the embedded server's watch", lambda: end([watch]))
            url = self.embedded.url
        self.redis = connect(url)
        self.life.on_stop("redis", partial(self.redis.aclose, close_connection_pool=True))
        self._build()
        self._stop_parts()
        await reach(self.redis)
        if settings.redis.url:
            await check_server(
                self.redis,
                accept_loss=settings.redis.accept_loss,
                assured=settings.redis.durability == "assured",
                takeover=settings.redis.takeover,
                waits=settings.redis.wait_replicas > 0,
            )
            await check_permitted(self.redis)
        self.shards.kept = await check_layout(self.redis, settings.redis.shards)
        for keys in self.dispatcher.store.keys:
            await begin_items(self.dispatcher.store, keys)
        await self.timekeeper.start()
        await self.server_watch.look()
        await self.health.check()
        self.audit.start(VERSION)
        self.dispatcher.start(self._committed)
        await self.status_page.start()
        await self.heartbeats.expect()
        self.agenda.start()
        self.pagerduty.start()
        self.life.beside(self.timekeeper.run())
        self.life.beside(self.load.watch())
        self.life.beside(self.uses.run())
        if not settings.redis.url:
            self.life.beside(self._tell_of_repairs())
        self.life.beside(self.unreached.run())
        self.life.beside(self.server_watch.run())
        self.life.beside(self.damaged.run())
        self.life.beside(self.lost_commits.run())
        self.life.beside(Sorting(self.dispatcher.store).run())
        await self.ports.open()
        self.life.beside(self.ports.watch())
        self.outgoing_heartbeat.start()
        self.life.beside(self.notifier_checks.run())
        if self.slack_socket is not None:
            self.slack_socket.start()

    async def _tell_of_repairs(self) -> None:
        """Say what the embedded server's start mended, until somebody has read it."""
        from receiver.store.embedded.self_repair import told  # noqa: PLC0415 - as above

        data = Path(self.settings.storage.path) / "valkey"
        while True:
            self.conditions.report(Subject.REPAIRED, told(data, self.clock.now()))
            await asyncio.sleep(REPAIRS_EVERY_S)

    def hold(self, settings: Settings, lines: Mapping[Place, str]) -> None:
        """Decide by these settings from now on; ``lines``: where they were given."""
        self.origins = Origins(settings, lines)
        self.assignment = build_assignment(
            settings,
            self.catalogue.names,
            lambda incident: self.enrichment.may_find(incident),  # noqa: PLW0108 - a reload replaces it
        )
        self.load.admission.looks_urgent = label_finder(self.assignment.urgent_labels())
        self.settings = settings

    async def reload(self, by: str) -> tuple[Sequence[str], Sequence[str]]:
        """Have all processes read the configuration anew; ConfigError."""
        return await self.part.reload(self.reload_here, by)

    def _reloaded(self, worked: bool) -> None:  # noqa: FBT001 - the outcome is all there is
        self.metrics.set_reloaded(successful=worked, now=self.clock.now())

    def _committed(self) -> None:
        scheduled = self.dispatcher.scheduled
        self.tasks.entered(scheduled)
        self.agenda.wake(scheduled)
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
            self.redis,
            shards,
            settings.incidents.tombstone_ttl,
            settings.redis.wait_replicas,
            self.clock.now,
        )
        self.tasks = TaskStore(self.redis, shards, self.clock.now)
        self.figures = FigureStore(self.redis, shards)
        self.turns = Turns(self.redis, self.clock.id, self.clock.now)
        self.unreached = Unreached(store, self.conditions)
        self.access = Access(settings.web.credentials, self.clock.now, logs_in=settings.web.logs_in)
        self.uses = Uses(UseStore(self.redis), lambda: self.access.names, self.clock.now)
        self.access.note = self.uses.note
        self.login = Login(self.redis, settings.web, settings.people, self.clock.now)
        catalogue = Catalogue(runbooks_folder(settings.runbooks.path), addresses_of(settings))
        self.catalogue = catalogue
        self.hold(settings, self.lines)
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
        self.access.limits = Limits(settings.web.limits, self.metrics.limited)
        self.metrics.set_reloaded(successful=True, now=self.clock.now())
        self.metrics.register_gauges(self.watch.measure)
        self.audit = AuditParts(self, shards)
        self.dispatcher = Dispatcher(
            store,
            self.clock,
            lambda route: self.assignment.rules(route),  # noqa: PLW0108 - a reload replaces it
            self.audit.audit,
            self.tracing,
        )
        self.health = CommitHealth(self.dispatcher, self.clock, self.conditions)

    def _build_watches(self) -> None:
        """Make what looks after the service, and the notifiers."""
        settings = self.settings
        store = self.dispatcher.store
        redis = settings.redis
        self.server_watch = ServerWatch(
            Judges(
                accept_loss=redis.accept_loss,
                assured=redis.durability == "assured",
                takeover=redis.takeover,
            ),
            None if redis.url else Path(settings.storage.path),
            self.tasks,
            self.clock,
            self.conditions,
            self.metrics,
            self.health,
        )
        self.lost_commits = LostCommits(
            store.fence, self.dispatcher.cache, self.clock, self.conditions, self.metrics
        )
        self.heartbeats = Heartbeats(
            self.dispatcher,
            lambda: self.assignment,
            settings.heartbeats,
            self.shards,
            self.clock.now,
        )
        self.damaged = DamagedRecords(
            Healing(store), store.mending.register, self.conditions, self.heartbeats
        )
        self.notifier_health = NotifierHealth(self.clock)
        self.pagerduty = PagerDuty(settings, self.clock)
        self.notifiers = build_notifiers(settings, self.pagerduty)

    def _build_actions(self) -> None:
        """Make what people use: reviews, silences, Slack; and what is found out for them."""
        settings = self.settings
        store = self.dispatcher.store
        address = settings.web.base_url
        pages = ReviewPages(settings.review.templates, address)
        self.reviews = Reviews(store, self.clock, pages)
        self.alertmanagers = Alertmanagers(settings.alertmanagers)
        self.open_incident = OpenIncident(
            self.dispatcher,
            lambda: self.assignment,
            self.shards,
            self.clock.now,
            self.access.limits.incident,
        )
        self.silences = Silences(settings.alertmanagers)
        self.silence_list = SilenceList(settings.alertmanagers)
        self.actions = Actions(
            self.dispatcher,
            Silencer(self.silences, self.dispatcher, self.clock),
            self.clock,
            tuple(component.name for component in settings.status_page.components),
            self.access.limits.note,
        )
        self.router = self.new_router(settings)
        self.slack_socket = build_socket(settings, self.router, self.turns)
        self.changes = ChangeStore(self.redis)
        self.enrichment = self.new_enrichment(settings)

    def digest(self, notifier: str) -> str:
        """Return what tells a notifier, as it is configured on this machine, from all others."""
        config = config_of(self.settings, notifier)
        return digest_of(VERSION, socket.gethostname(), notifier, config)

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
            read_runbook=self.catalogue.read,
            people=self.pagerduty.people,
            notifiers=self.notifiers.keys(),
            base_url=address,
        )

    async def is_person(self, user_id: str) -> bool:
        """Return whether Slack knows this user as a person."""
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
            BudgetStore(self.redis),
            self.notifier_health,
            digest_above=settings.budgets.digest_above,
            on_call=self.pagerduty.people,
            tracing=self.tracing,
        )
        self.shared_alerts = SharedAlerts(store, settings.incidents.stale_after)
        self.timer_events = StoredTimerEvents(
            self.dispatcher,
            self.alertmanagers,
            self.heartbeats,
            self.enrichment,
            self.shared_alerts,
            self.clock,
        )
        self.agenda = Agenda(
            self.tasks, delivery, self.dispatcher, self.timer_events, self.clock, self.notifiers
        )
        self.put_off = PutOff(self.redis, settings.redis.shards, self.agenda.leases)
        self.timekeeper = Timekeeper(
            self.clock,
            store,
            self.conditions,
            self.put_off,
            self.heartbeats.expect,
            alone=self.embedded is not None and self.part.alone,
        )

    def _build_pages(self) -> None:
        """Make what is shown, and what tells others that all is well."""
        settings = self.settings
        store = self.dispatcher.store
        outside = settings.web.base_url if settings.web.external_url else ""
        self.status_page = StatusPageEndpoint(
            store,
            settings.status_page,
            self.clock,
            settings.status_page.url or outside,
            settings.incidents.retention,
        )
        self.open_lists = build_hub(store, self.clock, settings.web.link_path)
        self.endpoints = build_endpoints(self)
        self.status = self.endpoints.one(StatusEndpoint)
        self.slack = self.endpoints.one(SlackEndpoint)
        self.integration_events = self.endpoints.one(IntegrationEventEndpoint)
        self.outgoing_heartbeat = self.watch.heartbeat()
        self.notifier_checks = NotifierChecks(
            self.notifiers,
            self.notifier_health,
            settings.observability.check_notifiers_every,
            self.watch.report_notifiers,
            Shared(self.digest, Tries(self.redis, self.clock.now), self.turns),
        )

    def retire(self) -> None:
        """Be unready from now on, and serve all the same until ``stop``."""
        self.status.stopping = True

    async def leave(self) -> None:
        """Leave the ports to the other processes, before ``stop``."""
        await self.open_lists.close()
        await self.ports.leave(LEAVE_S)

    async def stop(self) -> None:
        """Accept nothing more, finish what is under way, close everything."""
        await self.life.stop()

    def _stop_parts(self) -> None:
        """Have the parts stopped, from what comes in to what everything else needs."""
        self.life.on_stop("the audit trail", self.audit.close)
        self.life.on_stop("the other processes", lambda: self.part.leave(self.metrics.figures))
        self.life.on_stop("health", self.health.stop)
        self.life.on_stop("work beside", self.life.end_work)
        for name in reversed(list(self.notifiers)):
            self.life.on_stop(f"notifier {name}", partial(self._close_notifier, name))
        self.life.on_stop("enrichment", self._close_enrichment)
        self.life.on_stop("what was replaced", self.retired.close)
        self.life.on_stop("silences", self.silences.close)
        self.life.on_stop("the list of silences", self.silence_list.close)
        self.life.on_stop("alertmanagers", self.alertmanagers.close)
        self.life.on_stop("slack", self.slack.close)
        self.life.on_stop("dispatcher", self.dispatcher.stop)
        self.life.on_stop("pagerduty", self.pagerduty.close)
        self.life.on_stop("status page", self.status_page.stop)
        self.life.on_stop("agenda", self.agenda.stop)
        self.life.on_stop("logins", self.login.close)
        self.life.on_stop("ports", self.ports.close)
        self.life.on_stop("open lists", self.open_lists.close)
        if self.slack_socket is not None:
            self.life.on_stop("slack socket", self.slack_socket.close)
        self.life.on_stop("outgoing heartbeat", self.outgoing_heartbeat.stop)
