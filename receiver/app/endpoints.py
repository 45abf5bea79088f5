"""Makes every endpoint of a service from its parts."""

from functools import partial
from typing import TYPE_CHECKING

from receiver.app.operations.build import operations
from receiver.app.routes import ROUTES, VERSION, Endpoints
from receiver.conditions import Subject
from receiver.engine.floods import Floods
from receiver.http.routes import API, Guard
from receiver.intake.alertmanager_webhook import WebhookEndpoint
from receiver.intake.changes import ChangeEndpoint
from receiver.intake.hints import Hints
from receiver.intake.integration_events import IntegrationEventEndpoint
from receiver.intake.taking import Taking
from receiver.notify.receipt_state import shown_by
from receiver.observability.metrics.integrations import Integrations
from receiver.people.actor import People
from receiver.runbooks.feedback import RunbookFeedback
from receiver.runbooks.history import RunbookHistory
from receiver.slack.interactions.http_endpoint import SlackEndpoint
from receiver.store.dead_letters import DeadLetterStore
from receiver.store.floods import FloodStore
from receiver.store.hints import HintStore
from receiver.store.lists.items import Todos
from receiver.store.response.read import ResponseStore
from receiver.web.audit import AuditEndpoint
from receiver.web.console import ConsoleEndpoint
from receiver.web.console_page import Pages
from receiver.web.health import Beside, StatusEndpoint
from receiver.web.history.page import HistoryEndpoint
from receiver.web.incident.endpoint import IncidentPageEndpoint
from receiver.web.incident.view import Parts
from receiver.web.incidents_api import ApiEndpoint
from receiver.web.integrations_api import IntegrationEndpoint
from receiver.web.listing.bulk import BulkEndpoint
from receiver.web.listing.events import EventsEndpoint
from receiver.web.login import LoginEndpoint
from receiver.web.login_oidc import OidcEndpoint
from receiver.web.maintenance.endpoint import MaintenanceEndpoint
from receiver.web.openapi.endpoint import OpenApiEndpoint
from receiver.web.response.page import ResponseEndpoint
from receiver.web.reviews.action_items import ActionItemsEndpoint
from receiver.web.reviews.document import ReviewDocumentEndpoint
from receiver.web.reviews.pages import ReviewPagesEndpoint
from receiver.web.runbooks import RunbookEndpoint
from receiver.web.shared_alerts import SharedAlertsEndpoint
from receiver.web.status_page.incident import StatusIncidentEndpoint

if TYPE_CHECKING:
    from receiver.app.service import Service


def build_endpoints(service: "Service") -> Endpoints:
    """Return one endpoint of each kind, behind its guard."""
    settings = service.settings
    dead_letters = DeadLetterStore(service.redis)
    floods = Floods(
        service.dispatcher,
        FloodStore(service.redis),
        service.metrics,
        service.clock.now,
        service.shards,
    )
    hints = Hints(
        HintStore(service.redis),
        lambda: service.assignment,
        service.heartbeats,
        service.metrics,
        service.clock.now,
    )
    pages = Pages(settings.web.link_path, service.clock, service.watch.problems)
    console, taking = _console(service, pages), _taking(service, floods, hints)
    people = People(settings.people, service.is_person, service.pagerduty.user_id)
    api = _api(service, people)
    store = service.dispatcher.store
    built = (
        _webhook(service, taking, hints, dead_letters),
        SlackEndpoint(service.router, settings.slack.signing_secret, service.clock),
        service.pagerduty.webhook(
            service.dispatcher, service.tasks, dead_letters, service.redis, service.metrics
        ),
        service.pagerduty.on_call(),
        api,
        *operations(service, taking, dead_letters, people, pages),
        _status(service),
        _runbooks(service),
        console,
        _incident_page(service, console),
        EventsEndpoint(service.open_lists, service.clock.now, lambda r: console.name_of(r, {})),
        HistoryEndpoint(
            service.dispatcher.store.lists,
            service.clock,
            pages,
            lambda request: console.name_of(request, {}),
        ),
        ResponseEndpoint(
            ResponseStore(service.redis, service.dispatcher.store.keys), service.clock, pages
        ),
        BulkEndpoint(service.actions, console.name_of, settings.web.link_path),
        ReviewDocumentEndpoint(service.actions, store, api.actor),
        ReviewPagesEndpoint(service.actions, store, console, settings.web.link_path),
        ActionItemsEndpoint(Todos(store), console, service.clock.now),
        AuditEndpoint(service.audit.reader, service.clock, settings.web.link_path),
        LoginEndpoint(service.login, service.clock, service.audit.audit),
        OidcEndpoint(service.login, service.audit.audit),
        _integrations(service),
        _integration_events(service, floods, hints),
        hints,
        ChangeEndpoint(service.changes, service.clock, lambda: service.assignment.hosts),
        SharedAlertsEndpoint(service.shared_alerts),
        MaintenanceEndpoint(
            service.status_page,
            service.status_page.maintenance,
            console,
            api.actor,
            service.audit.audit,
            service.clock.now,
            settings.web.link_path,
        ),
        StatusIncidentEndpoint(service.status_page, store, service.clock.now),
        service.status_page,
        OpenApiEndpoint(
            [row for row in ROUTES if row.port == API], VERSION, settings.web.link_path
        ),
    )
    forgets = partial(service.conditions.refuses, Subject.DURABILITY)
    return Endpoints(built, Guard(service.access, forgets, service.login))


def _taking(service: "Service", floods: Floods, hints: Hints) -> Taking:
    return Taking(
        floods,
        service.shards,
        lambda: service.assignment,
        service.heartbeats,
        hints,
        service.metrics,
        service.settings.web.max_alerts,
    )


def _webhook(
    service: "Service", taking: Taking, hints: Hints, dead_letters: DeadLetterStore
) -> WebhookEndpoint:
    return WebhookEndpoint(
        taking,
        dead_letters,
        service.clock,
        service.metrics,
        service.heartbeats,
        hints,
        service.access.owner_of,
    )


def _integration_events(
    service: "Service", floods: Floods, hints: Hints
) -> IntegrationEventEndpoint:
    settings = service.settings
    return IntegrationEventEndpoint(
        settings.integrations.named,
        floods,
        service.shards,
        lambda: service.assignment,
        service.access,
        hints,
    )


def _runbooks(service: "Service") -> RunbookEndpoint:
    settings, catalogue = service.settings, service.catalogue
    lists = service.dispatcher.store.lists
    return RunbookEndpoint(
        catalogue,
        RunbookHistory(lists, catalogue.names, settings.runbooks.system_label),
        RunbookFeedback(service.figures),
        service.clock,
        service.audit.audit,
        settings.web.link_path,
    )


def _api(service: "Service", people: People) -> ApiEndpoint:
    return ApiEndpoint(
        service.dispatcher,
        service.open_incident,
        service.actions,
        service.reviews,
        people,
        shown_by(service.notifiers),
        service.clock.now,
    )


def _integrations(service: "Service") -> IntegrationEndpoint:
    return IntegrationEndpoint(
        partial(_integrations_of_all, service),
        service.clock,
        service.notifiers,
        service.notifier_health.present,
        {
            "records": service.dispatcher.cache.shown,
            "enrichment": lambda: service.enrichment.shown(),  # noqa: PLW0108 - a reload replaces it
        },
    )


async def _integrations_of_all(service: "Service") -> Integrations:
    whole = await service.part.whole(service.metrics.figures)
    found = service.metrics.integrations
    return found if whole is None else found.whole(whole)


def _console(service: "Service", pages: Pages) -> ConsoleEndpoint:
    return ConsoleEndpoint(
        service.actions,
        service.dispatcher.store,
        service.figures,
        service.clock,
        pages,
        service.reviews,
        service.open_lists.position,
    )


def _incident_page(service: "Service", console: ConsoleEndpoint) -> IncidentPageEndpoint:
    web = service.settings.web
    parts = Parts(
        lambda route: service.assignment.rules(route),  # noqa: PLW0108 - a reload replaces it
        lambda incident: service.origins.of(incident),  # noqa: PLW0108 - as above
        service.pagerduty.people,
        shown_by(service.notifiers),
        service.catalogue,
        web.base_url,
        web.link_path,
        bool(service.actions.components),
    )
    return IncidentPageEndpoint(
        service.dispatcher.store,
        service.audit.reader,
        service.clock,
        parts,
        console.page,
        console.missing,
    )


def _status(service: "Service") -> StatusEndpoint:
    settings = service.settings
    token = settings.web.metrics_token
    return StatusEndpoint(
        service.dispatcher.store,
        service.tasks,
        service.clock,
        service.metrics,
        service.access,
        service.conditions,
        service.health,
        service.figures,
        token.get_secret_value() if token else "",
        Beside(
            service.watch.components,
            lambda: service.notifier_health.states(service.notifiers),
            service.watch.look,
            service.part.number,
            service.part.others,
            service.part.whole,
            lambda: (*service.exposed, *service.uses.unused()),
        ),
    )
