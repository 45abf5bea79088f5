"""Makes the endpoints of operations and routing."""

from functools import partial
from typing import TYPE_CHECKING

from receiver.app.operations.reads import build_reads
from receiver.intake.again import Again
from receiver.intake.taking import Taking
from receiver.people.actor import People
from receiver.store.dead_letters import DeadLetterStore
from receiver.web.console_page import Pages
from receiver.web.explain.endpoint import Explain, ExplainEndpoint
from receiver.web.explain.page import RoutingEndpoint
from receiver.web.operations.damaged import DamagedEndpoint
from receiver.web.operations.dead_letters import DeadLetterEndpoint
from receiver.web.operations.endpoint import OperationsEndpoint
from receiver.web.operations.page import OperationsPage
from receiver.web.operations.reload import ReloadEndpoint
from routing.heartbeat import beats

if TYPE_CHECKING:
    from receiver.app.service import Service


def operations(
    service: "Service",
    taking: Taking,
    dead_letters: DeadLetterStore,
    people: People,
    pages: Pages,
) -> tuple[object, ...]:
    """Return what shows how the service does, and what it would do."""
    store = service.dispatcher.store
    again = Again(
        taking,
        dead_letters,
        store,
        service.clock,
        service.audit.audit,
        lambda who: service.access.limits.incident(who),  # noqa: PLW0108 - set after it is made
        lambda cluster: _is_public(service, cluster),
    )
    explain = Explain(
        lambda: service.assignment,
        partial(beats, service.settings.heartbeats),
        store,
        service.clock,
        lambda incident: service.origins.of(incident),  # noqa: PLW0108 - a reload replaces it
    )
    reads = build_reads(service, dead_letters)
    return (
        ReloadEndpoint(service.reload),
        DamagedEndpoint(store.mending.register, service.damaged),
        DeadLetterEndpoint(dead_letters, again.send, people),
        OperationsEndpoint(reads),
        OperationsPage(reads, dead_letters, again.send, pages, lambda: service.status_page.enabled),
        ExplainEndpoint(explain),
        RoutingEndpoint(explain, store.lists, pages),
    )


def _is_public(service: "Service", cluster: str) -> bool:
    rule = service.status_page.config.rule(service.settings.web.clusters)
    return rule is not None and rule.clusters is not None and cluster in rule.clusters
