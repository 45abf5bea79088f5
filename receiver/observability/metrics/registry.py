"""Counts and times what happens. The metrics themselves are listed in ``metric_families``.

One ``Metrics`` holds its own registry; it is made by the composition root and handed to whoever
counts. Children are bound once and kept in plain dicts, so that counting costs a dict look-up and
an addition. Everything here may be called from any thread.
"""

import logging
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from receiver.observability.metrics.integrations import Integrations
from receiver.observability.metrics.response_collector import ResponseCollector
from receiver.observability.metrics.series import Apply, Bound
from receiver.observability.metrics.service import RESULT_OF, STATUSES, Configured, Key, families
from receiver.observability.metrics.text import CONTENT_TYPE, TextPage
from routing.alert import severity_label
from routing.config.base import USUAL_SEVERITIES
from routing.severity import canonical
from routing.vocabulary import Lane

_LOG = logging.getLogger(__name__)
_STATUS = {int(status): status for status in STATUSES}
_PAGE_SIZE = resource.getpagesize()


INBOUND = {
    "/v1/alerts/webhook": "alertmanager",
    "/v1/slack/actions": "slack",
    "/v1/slack/commands": "slack",
    "/v1/slack/events": "slack",
    "/v1/pagerduty/webhook": "pagerduty",
}
"""Which integration sends to a route."""


class Metrics:
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
        self._text = TextPage()
        self.integrations = Integrations(integrations)
        self.registry.register(self.integrations)
        self._kinds = kinds
        self._inbound = {
            template: name
            for _, template in config.routes
            for path, name in INBOUND.items()
            if template.removesuffix("/").endswith(path)
        }
        every = families(config)
        self.response = ResponseCollector(family for family in every if family.stored)
        self.registry.register(self.response)
        self._families = {
            family.name: Bound(family, self.registry) for family in every if not family.stored
        }
        for system, count in runbooks.items():
            self._families["incident_manager_runbooks"][(system,)](count)
        self._requests_refused: dict[str, int] = {}
        self._gauges: list[Callable[[], None]] = []
        self._describe_process(version, external_url)
        self.register_gauges(self.response.refresh)
        family = self._families
        self._requests = family["http_requests_total"]
        self._request_seconds = family["http_request_duration_seconds"]
        self._received = family["alerts_received_total"]
        self._processing_seconds = family["alert_processing_duration_seconds"]
        self._processed = family["incident_manager_alerts_processed_total"]
        self._correlations = family["correlations_total"]
        self._correlation_seconds = family["correlation_duration_seconds"]

    def _describe_process(self, version: str, external_url: str) -> None:
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info(
            "incident_manager_build", "Version of the service and of Python", registry=self.registry
        ).info({"version": version, "python": platform.python_version()})
        Info(
            "incident_manager_web",
            "Where people reach this service: dashboards take their links from it",
            registry=self.registry,
        ).info({"external_url": external_url})
        Gauge(
            "incident_manager_memory_usage_bytes",
            "Resident memory of this process",
            registry=self.registry,
        ).set_function(memory_usage)

    def observe(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Add to a counter, set a gauge or observe a duration of this process.

        What decisions observe is counted in Redis: see ``response``. Durations in seconds. A value
        that is negative or not finite counts as 0: a single one would spoil a sum for ever. Raises
        KeyError for a metric or label that does not exist.
        """
        self._families[name].of(labels)(_sound(value))

    def bound(self, name: str, **labels: str) -> Apply:
        """Return what to call for one series, for callers that count it often. As ``observe``."""
        return self._families[name].of(labels)

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one HTTP request. ``endpoint`` is the template of the route, never the path."""
        integration = self._inbound.get(endpoint)
        if integration is not None:
            self._exchanged(integration, status < 400, seconds)  # noqa: PLR2004 - HTTP
        self._requests[(method, endpoint, _STATUS.get(status, "other"))](1)
        self._request_seconds[(method, endpoint)](_sound(seconds))

    def received(self, source: str, severity: str, number: int = 1, kind: str = "alert") -> None:
        """Count alerts received; ``severity`` as the sender wrote it."""
        self._received[(source, severity_label(canonical(severity)), kind)](number)

    def processed(self, source: str, result: str, seconds: float, number: int = 1) -> None:
        """Count the alerts of one webhook and the time until they were durable (``PROCESSED``)."""
        self._processed[(result,)](number)
        self._processing_seconds[(source,)](_sound(seconds))

    def correlated(self, strategy: str, reason: str, seconds: float) -> None:
        """Count one correlation; ``reason`` is the decision's."""
        self._correlations[(strategy, RESULT_OF.get(reason, "other"))](1)
        self._correlation_seconds[(strategy,)](_sound(seconds))

    def notified(self, channel: str, status: str, seconds: float) -> None:
        """Count one attempt to deliver (``DELIVERY_STATUSES``)."""
        self._exchanged(self._kinds.get(channel, ""), status == "success", seconds)
        self._families["notifications_sent_total"][(channel, status)](1)
        self._families["notification_duration_seconds"][(channel,)](_sound(seconds))

    def exchanged(self, integration: str, status: int, seconds: float) -> None:
        """Count a request that an integration sent, answered with a status of HTTP."""
        self._exchanged(integration, status < 400, seconds)  # noqa: PLR2004 - HTTP

    def _exchanged(self, integration: str, ok: bool, seconds: float) -> None:  # noqa: FBT001
        now = int(time.time() * 1000)
        self.integrations.record(integration, ok=ok, took_ms=seconds * 1000, now=now)

    def failed(self, channel: str, cause: str) -> None:
        """Count an attempt that failed, by its cause (``CAUSES``)."""
        self._families["notification_failures_total"][(channel, cause)](1)

    def set_notifiers(self, up: Mapping[str, bool]) -> None:
        """Set whether each notifier works, as far as this replica tried."""
        for channel, works in up.items():
            self._families["incident_manager_notifier_up"][(channel,)](float(works))

    def budget_waited(self, channel: str) -> None:
        """Count a call that had to wait for its budget."""
        self._families["incident_manager_budget_waits_total"][(channel,)](1)

    def delivered(self, channel: str, priority: str, lag: float) -> None:
        """Observe the seconds from the decision to page until ``channel`` had the page."""
        self._families["incident_delivery_lag_seconds"][(channel, priority)](_sound(lag))

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

    def set_active(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Set the open incidents by (severity, state, priority); what is not given is none."""
        active = self._families["incidents_active"]
        totals: dict[Key, int] = dict.fromkeys(active, 0)
        for key, number in counts.items():
            clean = active.clean(key)
            totals[clean] = totals.get(clean, 0) + number
        for clean, number in totals.items():
            active[clean](number)

    def set_agenda(
        self, entries: Mapping[Lane, int], due: int, delays: Mapping[Lane, float] = {}
    ) -> None:
        """Set the agenda's entries by lane, how many of all are due, and for how long (s)."""
        for lane in Lane:
            self._families["incident_manager_agenda_entries"][(lane,)](entries.get(lane, 0))
            self._families["incident_manager_agenda_delay_seconds"][(lane,)](delays.get(lane, 0))
        self._families["incident_manager_processing_queue_size"][()](due)

    def set_put_off(self, number: int) -> None:
        """Set how many entries of the agenda lie further ahead than their kind allows."""
        self._families["incident_manager_agenda_put_off_entries"][()](number)

    def set_clock(self, redis: int, machine: int, behind: int) -> None:
        """Set by how much (ms) other clocks are ahead of ours, and how far it is behind."""
        offsets = self._families["incident_manager_clock_offset_seconds"]
        offsets[("redis",)](redis / 1000)
        offsets[("machine",)](machine / 1000)
        self._families["incident_manager_clock_behind_seconds"][()](behind / 1000)

    def set_pool(self, pool: str, in_use: int, most: int) -> None:
        """Set how many connections of a pool are in use, of how many."""
        family = self._families["incident_manager_connection_pool_connections"]
        family[(pool, "in_use")](in_use)
        family[(pool, "max")](most)

    def set_connections(self, port: str, in_use: int, most: int) -> None:
        """Set how many connections a port of ours has, of how many."""
        family = self._families["incident_manager_connections"]
        family[(port, "in_use")](in_use)
        family[(port, "max")](most)

    def set_requests(self, lane: str, in_flight: int, refused: int) -> None:
        """Set how many requests of a lane are being answered, and were refused since the start."""
        self._families["incident_manager_requests_in_flight"][(lane,)](in_flight)
        done = self._requests_refused.get(lane, 0)
        self._families["incident_manager_requests_refused_total"][(lane,)](refused - done)
        self._requests_refused[lane] = refused

    def set_listen_overflows(self, number: int) -> None:
        """Set how many connections the system dropped before they were accepted."""
        self._families["incident_manager_listen_overflows"][()](number)

    def connection_refused(self, port: str) -> None:
        """Count a connection that a port had no room for."""
        self._families["incident_manager_connections_refused_total"][(port,)](1)

    def set_breaker(self, channel: str, state: str) -> None:
        """Set the state of an integration's circuit breaker (``CircuitBreaker.state``)."""
        family = self._families["incident_manager_circuit_breaker_open"]
        family[(channel,)](state != "closed")

    def set_cache(self, cache: str, shown: Mapping[str, float | None]) -> None:
        """Set what a cache says of itself (``RecordCache.shown``)."""
        prefix = "incident_manager_cache"
        self._families[f"{prefix}_entries"][(cache,)](shown["entries"] or 0)
        self._families[f"{prefix}_size_bytes"][(cache,)](shown["size_bytes"] or 0)
        self._families[f"{prefix}_hit_rate"][(cache,)](shown["hit_rate"] or 0)
        if cache == "enrichment":
            # Before the first question nothing was missed, and a rate of 0 would be an alarm.
            rate = 1.0 if shown["hit_rate"] is None else shown["hit_rate"]
            self._families["incident_manager_enrichment_cache_hit_rate"][()](rate)

    def set_storage(self, used: int, most: int) -> None:
        """Set how many bytes Redis uses, of how many (0: no limit)."""
        self._families["incident_manager_storage_used_bytes"][()](used)
        self._families["incident_manager_storage_max_bytes"][()](most)

    def set_disk(self, free: int, total: int) -> None:
        """Set how many bytes of the embedded server's disk are free."""
        family = self._families["incident_manager_disk_bytes"]
        family[("free",)](free)
        family[("total",)](total)

    def set_durability(self, level: str) -> None:
        """Set how durable the server is (``store.durability.Level``)."""
        family = self._families["incident_manager_durability"]
        for key in list(family):
            family[key](key[0] == level)

    def set_loop_lag(self, seconds: float) -> None:
        """Set how long the event loop was held at most within the last minute."""
        self._families["incident_manager_event_loop_lag_seconds"][()](seconds)

    def set_conditions(self, present: Iterable[str]) -> None:
        """Set what is wrong (``conditions.Subject``); what is not given is well."""
        family = self._families["incident_manager_condition"]
        wrong = set(present)
        for key in list(family):
            family[key](key[0] in wrong)

    def set_damaged(self, counts: Mapping[str, int]) -> None:
        """Set how much cannot be read, by kind; what is not given is none."""
        family = self._families["incident_manager_damaged_records"]
        for key in list(family):
            family[key](counts.get(key[0], 0))

    def set_redis_up(self, *, up: bool) -> None:
        """Say whether a commit worked; while none does, gauges from Redis keep their last value."""
        self._families["incident_manager_redis_up"][()](up)

    def set_reloaded(self, *, successful: bool, now: int) -> None:
        """Note an attempt to load the configuration at ``now`` (ms since the epoch)."""
        prefix = "incident_manager_config_last_reload_success"
        self._families[f"{prefix}ful"][()](successful)
        if successful:
            self._families[f"{prefix}_timestamp_seconds"][()](now / 1000)

    def register_gauges(self, update: Callable[[], None]) -> None:
        """Have ``update`` called before each page, to set gauges from what the caller knows.

        It runs in the thread that renders and cannot await: what comes from Redis is read before.
        One that raises is logged, and the page is shown without its news.
        """
        self._gauges.append(update)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the page and its Content-Type for an Accept header, which may be anything.

        The type carries a charset: set it as a header, aiohttp's ``content_type`` refuses it. Takes
        some 3 ms a thousand lines, so a server calls it in a thread.
        """
        for update in self._gauges:
            try:
                update()
            except Exception:  # noqa: BLE001 - a page without one gauge beats no page
                _LOG.exception("a gauge could not be set")
        if not _is_open(accept):
            return self._text.render(self.registry), CONTENT_TYPE
        encode, content_type = _encoder(accept)
        return encode(self.registry), content_type


def content_type_of(accept: str) -> str:
    """Return the Content-Type of the page for an Accept header; there are a few.

    Whoever takes both, as Prometheus does, gets plain text. OpenMetrics drops ``_total`` from a
    counter's family, so that Prometheus knows no metadata of the name that people look for.
    """
    return _encoder(accept)[1] if _is_open(accept) else CONTENT_TYPE


def _is_open(accept: str) -> bool:
    """Return whether OpenMetrics is wanted, and plain text is not."""
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return "application/openmetrics-text" in kinds and "text/plain" not in kinds


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # A version that is no number fails in the library's comparison.
        return choose_encoder("")


def _sound(value: float) -> float:
    return value if 0 <= value < float("inf") else 0.0


def memory_usage() -> float:
    """Return the resident memory of this process in bytes; where /proc is missing, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_SIZE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
