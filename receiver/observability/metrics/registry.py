"""Counts and times what happens. The metrics themselves are listed in ``metric_families``.

One ``Metrics`` holds its own registry; it is made by the composition root and handed to whoever
counts. Series are found once and kept in plain dicts, so that counting costs a dict look-up and an
addition. Everything here may be called from any thread.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, disable_created_metrics

from receiver.observability.metrics.accept import encoder, is_open
from receiver.observability.metrics.gauges import Gauges
from receiver.observability.metrics.integrations import Integration, Integrations
from receiver.observability.metrics.numbers import sound
from receiver.observability.metrics.process import Process
from receiver.observability.metrics.response_collector import ResponseCollector
from receiver.observability.metrics.series import Apply, Bound, TimedBy
from receiver.observability.metrics.service import RESULT_OF, STATUSES, Configured, families
from receiver.observability.metrics.text import CONTENT_TYPE, Part, WholeCollector, page
from receiver.observability.metrics.whole import Figures, Table
from routing.alert import severity_label
from routing.config.base import USUAL_SEVERITIES
from routing.severity import canonical

_LOG = logging.getLogger(__name__)
_STATUS = {int(status): status for status in STATUSES}

INBOUND = {
    "/v1/alerts/webhook": "alertmanager",
    "/v1/slack/actions": "slack",
    "/v1/slack/commands": "slack",
    "/v1/slack/events": "slack",
    "/v1/pagerduty/webhook": "pagerduty",
}
"""Which integration sends to a route."""


class Metrics(Gauges):
    """Everything that is counted and timed, and the page that shows it.

    ``routes`` are (method, template) of the HTTP routes without a prefix, ``channels`` the names of
    the notifiers, ``teams`` those of the route tree, ``priorities`` the priority that a severity
    leads to by default (only used to choose the series that exist before the first event).
    ``integrations`` are the names of all, ``kinds`` the integration that each notifier belongs to,
    ``runbooks`` how many there are of each system, ``catalogue`` their names, ``llm`` provider and
    model of the language model that is asked, ``external_url`` where people reach the service.
    """

    def __init__(  # noqa: PLR0913 - what is configured, by name
        self,
        *,
        version: str,
        routes: Iterable[tuple[str, str]] = (),
        channels: Iterable[str] = (),
        teams: Iterable[str] = (),
        priorities: Mapping[str, str] = USUAL_SEVERITIES,
        integrations: Iterable[str] = (),
        kinds: Mapping[str, str] = {},
        runbooks: Mapping[str, int] = {},
        llm: tuple[str, ...] = (),
        catalogue: Iterable[str] = (),
        external_url: str = "",
    ) -> None:
        # The library has only a switch for the whole process; ``_created`` doubles the series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        config = Configured(
            tuple(routes),
            tuple(channels),
            tuple(teams),
            priorities,
            tuple(runbooks),
            llm,
            tuple(catalogue),
        )
        self.registry = CollectorRegistry()
        self.integrations = Integrations(integrations)
        self.registry.register(self.integrations)
        self._kinds = kinds
        self._inbound = {
            template: self.integrations.get(name)
            for _, template in config.routes
            for path, name in INBOUND.items()
            if template.removesuffix("/").endswith(path)
        }
        every = families(config)
        self.response = ResponseCollector(family for family in every if family.stored)
        self.registry.register(self.response)
        super().__init__(
            {family.name: Bound(family, self.registry) for family in every if not family.stored}
        )
        for system, count in runbooks.items():
            self._families["incident_manager_runbooks"][(system,)](count)
        self._gauges: list[Callable[[], None]] = []
        process = Process(version, external_url)
        self.registry.register(process)
        self._parts: tuple[Part, ...] = (
            self.integrations,
            self.response,
            *(bound.shown for bound in self._families.values()),
            process,
        )
        self.register_gauges(self.response.refresh)
        self._find_series()

    def _find_series(self) -> None:
        """Find what is counted with every webhook and delivery."""
        self._received = self._families["alerts_received_total"]
        self._requests = self._timed_by(
            "http_requests_total", "http_request_duration_seconds", slice(3), slice(2)
        )
        self._processed = self._timed_by(
            "incident_manager_alerts_processed_total",
            "alert_processing_duration_seconds",
            slice(1),
            slice(1, 2),
        )
        self._correlations = self._timed_by(
            "correlations_total", "correlation_duration_seconds", slice(2), slice(1)
        )
        self._notified = self._timed_by(
            "notifications_sent_total", "notification_duration_seconds", slice(2), slice(1)
        )

    def _timed_by(self, count: str, time: str, counted: slice, timed: slice) -> TimedBy:
        return TimedBy(self._families[count], self._families[time], counted, timed)

    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Add to a counter, set a gauge or observe a duration of this process.

        What decisions observe is counted in Redis: see ``response``. Durations in seconds. A value
        that is negative or not finite counts as 0: a single one would spoil a sum for ever. Raises
        KeyError for a metric or label that does not exist.
        """
        self._families[name].of(labels)(sound(value))

    def bound(self, name: str, **labels: str) -> Apply:
        """Return what to call for one series, for callers that count it often. As ``observe``."""
        return self._families[name].of(labels)

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one HTTP request. ``endpoint`` is the template of the route, never the path."""
        _exchanged(self._inbound.get(endpoint), status < 400, seconds)  # noqa: PLR2004 - HTTP
        self._requests[method, endpoint, _STATUS.get(status, "other")].apply(seconds)

    def received(self, source: str, severity: str, number: int = 1, kind: str = "alert") -> None:
        """Count alerts received; ``severity`` as the sender wrote it."""
        self._received[(source, severity_label(canonical(severity)), kind)](number)

    def processed(self, source: str, result: str, seconds: float, number: int = 1) -> None:
        """Count the alerts of one webhook and the time until they were durable (``PROCESSED``)."""
        self._processed[result, source].apply(seconds, number)

    def correlated(self, strategy: str, reason: str, seconds: float) -> None:
        """Count one correlation; ``reason`` is the decision's."""
        self._correlations[strategy, RESULT_OF.get(reason, "other")].apply(seconds)

    def notified(self, channel: str, status: str, seconds: float) -> None:
        """Count one attempt to deliver (``DELIVERY_STATUSES``)."""
        integration = self.integrations.get(self._kinds.get(channel, ""))
        _exchanged(integration, status == "success", seconds)
        self._notified[channel, status].apply(seconds)

    def exchanged(self, integration: str, status: int, seconds: float) -> None:
        """Count a request that an integration sent, answered with a status of HTTP."""
        _exchanged(self.integrations.get(integration), status < 400, seconds)  # noqa: PLR2004 - HTTP

    def failed(self, channel: str, cause: str) -> None:
        """Count an attempt that failed, by its cause (``CAUSES``)."""
        self._families["notification_failures_total"][(channel, cause)](1)

    def budget_waited(self, channel: str) -> None:
        """Count a call that had to wait for its budget."""
        self._families["incident_manager_budget_waits_total"][(channel,)](1)

    def delivered(self, channel: str, priority: str, lag: float) -> None:
        """Observe the seconds from the decision to page until ``channel`` had the page."""
        self._families["incident_delivery_lag_seconds"][(channel, priority)](sound(lag))

    def dead_letter(self, reason: str, number: int = 1) -> None:
        """Count what was put aside (``DEAD_LETTERS``)."""
        self._families["incident_manager_dead_letters_total"][(reason,)](number)

    def unknown_severity(self, source: str, number: int) -> None:
        """Count alerts whose severity nobody listed."""
        self._families["incident_manager_unknown_severity_alerts_total"][(source,)](number)

    def folded(self, groups: int) -> None:
        """Count groups that a flood took, each once."""
        if groups:
            self._families["incident_manager_folded_groups_total"][()](groups)

    def connection_refused(self, port: str) -> None:
        """Count a connection that a port had no room for."""
        self._families["incident_manager_connections_refused_total"][(port,)](1)

    def limited(self, limit: str) -> None:
        """Count what was refused because somebody asked too often."""
        self._families["incident_manager_requests_limited_total"][(limit,)](1)

    def handshake_failed(self, port: str) -> None:
        """Count a connection that came to no TLS."""
        self._families["incident_manager_tls_handshakes_failed_total"][(port,)](1)

    def register_gauges(self, update: Callable[[], None]) -> None:
        """Have ``update`` called before each page, to set gauges from what the caller knows.

        It runs in the thread that renders and cannot await: what comes from Redis is read before.
        One that raises is logged, and the page is shown without its news.
        """
        self._gauges.append(update)

    def figures(self) -> Figures:
        """Return what other processes need to show theirs with ours. As slow as a page."""
        self._update()
        tables: dict[str, Table] = {}
        for part in self._parts:
            tables |= part.figures()
        return Figures(tables, self.response.data)

    def render(self, accept: str = "", whole: Figures | None = None) -> tuple[bytes, str]:
        """Return the page and its Content-Type for an Accept header, which may be anything.

        ``whole``: the figures of all processes, where there are several.

        The type carries a charset: set it as a header, aiohttp's ``content_type`` refuses it. Takes
        some 0.5 ms a thousand lines, so a server calls it in a thread.
        """
        if whole is None:
            self._update()
        if not is_open(accept):
            return page(self._parts, whole), CONTENT_TYPE
        encode, content_type = encoder(accept)
        registry = CollectorRegistry()
        for part in self._parts:
            registry.register(WholeCollector(part, whole))
        return encode(registry), content_type

    def _update(self) -> None:
        for update in self._gauges:
            try:
                update()
            except Exception:  # noqa: BLE001 - a page without one gauge beats no page
                _LOG.exception("a gauge could not be set")


def _exchanged(integration: Integration | None, ok: bool, seconds: float) -> None:  # noqa: FBT001
    """Count a request of an integration; of one that is not known it counts for nobody."""
    if integration is not None:
        integration.record(ok=ok, took_ms=seconds * 1000, now=int(time.time() * 1000))
