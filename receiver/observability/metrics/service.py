"""Every metric of the service: its name, its help, its labels, and the values each label may take.

No text from an alert ever becomes a label value: a label is a closed list, and what is not on it
counts under the list's own word for the rest. That bounds the number of series whatever is sent.

Series exist before the first event, because ``rate()`` and ``increase()`` never see the step from
"no series" to 1. Where the product of the lists is small all of it is made at once; the larger
families begin with the combinations that this configuration leads to (``first``), so that a fresh
page stays under some 3,000 lines, and add others when they happen.
"""

from collections.abc import Mapping

from receiver.observability.metrics.enrichment import enrichment_families
from receiver.observability.metrics.family import (
    OWN,
    Across,
    Closed,
    Family,
    Key,
    counter,
    every,
    gauge,
    histogram,
)
from receiver.observability.metrics.response import (
    PRIORITY,
    SEVERITY,
    SOURCE,
    SOURCES,
    TYPE,
    TYPES,
    Configured,
    response_families,
)
from receiver.observability.metrics.service_state import (
    connections,
    events,
    health,
    requests,
    resources,
)
from receiver.store.response_totals import LAG_BUCKETS
from routing.alert import PRIORITIES, SEVERITIES
from routing.vocabulary import Lane, Reason

__all__ = ["RESULT_OF", "STATUSES", "Closed", "Configured", "Family", "Key", "families"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
STATUSES = tuple(str(code) for code in range(100, 600))
FIRST_STATUSES = ("200", "202", "400", "401", "404", "500", "503")
STRATEGIES = ("fingerprint", "group", "regroup")
RESULTS = ("new", "joined", "repeat", "reopened", "resolved", "echo", "orphan", "covered")
DELIVERY_STATUSES = ("success", "retry", "unknown", "failed")
CAUSES = (
    "rate_limit",
    "timeout",
    "network",
    "server",
    "access",
    "scope",
    "channel",
    "layout",
    "gone",
    "other",
)
"""Why an attempt failed."""
PROCESSED = ("committed", "unchanged", "dead_letter", "failed")
DEAD_LETTERS = ("payload", "alert", "alert_part", "event")

RESULT_OF: Mapping[str, str] = {
    Reason.OPENED: "new",
    Reason.UPDATED: "joined",
    Reason.PRIORITY_RAISED: "joined",
    Reason.REPEAT: "repeat",
    Reason.REOPENED: "reopened",
    Reason.RESOLVED: "resolved",
    Reason.ECHO_SUSPECTED: "echo",
    Reason.ORPHAN_RESOLVE: "orphan",
    Reason.COVERED: "covered",
}
"""The ``result`` of a correlation by the reason of the decision; any other reason is ``other``."""

HTTP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ALERT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)
CORRELATION_BUCKETS = (0.001, 0.01, 0.1, 1, 5)
NOTIFICATION_BUCKETS = (0.1, 0.5, 1, 2, 5, 10)
FIRST_LAGS = 80
"""Series made at the start for the delivery lag: all priorities of the first 20 notifiers."""


def families(config: Configured) -> tuple[Family, ...]:
    """Return every metric that has labels or events; see ``Metrics`` for the process's own."""
    return (
        *_http(config),
        *response_families(config),
        *_alerts(),
        *_deliveries(config),
        *_service(),
        *_agenda(),
        *health(config),
        *connections(config),
        *requests(config),
        *resources(),
        *events(),
        *enrichment_families(config),
    )


def _http(config: Configured) -> tuple[Family, ...]:
    routes = config.routes
    endpoints = tuple(dict.fromkeys(template for _, template in routes))
    labels = {"method": Closed(METHODS, "OTHER"), "endpoint": Closed(endpoints)}
    return (
        counter(
            "http_requests_total",
            "Total number of HTTP requests, by the template of the route",
            {**labels, "status": Closed(STATUSES)},
            tuple((*route, status) for route in routes for status in FIRST_STATUSES),
        ),
        histogram(
            "http_request_duration_seconds",
            "HTTP request duration in seconds",
            labels,
            HTTP_BUCKETS,
            routes,
        ),
    )


def _alerts() -> tuple[Family, ...]:
    strategy = Closed(STRATEGIES)
    return (
        counter(
            "alerts_received_total",
            "Total number of alerts received",
            {"source": SOURCE, "severity": SEVERITY, "type": TYPE},
            every(SOURCES, SEVERITIES, TYPES[:1]),
        ),
        histogram(
            "alert_processing_duration_seconds",
            "Time from reading a webhook to its durable commit",
            {"source": SOURCE},
            ALERT_BUCKETS,
        ),
        counter(
            "correlations_total",
            "Alerts joined into incidents, by how they were matched and what became of them",
            {"strategy": strategy, "result": Closed(RESULTS)},
        ),
        histogram(
            "correlation_duration_seconds",
            "Time taken to decide which incident alerts belong to",
            {"strategy": strategy},
            CORRELATION_BUCKETS,
        ),
    )


def _deliveries(config: Configured) -> tuple[Family, ...]:
    channel = Closed(config.channels)
    return (
        counter(
            "notifications_sent_total",
            "Attempts to bring a notifier up to date, by outcome",
            {"channel": channel, "status": Closed(DELIVERY_STATUSES)},
        ),
        counter(
            "notification_failures_total",
            "Attempts that failed, by cause",
            {"channel": channel, "cause": Closed(CAUSES)},
            (),
        ),
        gauge(
            f"{OWN}_notifier_up",
            "0 while every attempt of the last minutes failed, as this replica sees it: use min()",
            {"channel": channel},
            across=Across.MIN,
        ),
        counter(
            f"{OWN}_budget_waits_total",
            "Calls put off: budget used up, others more urgent, or quiet asked for by the service",
            {"channel": channel},
        ),
        histogram(
            "notification_duration_seconds",
            "Time taken by one attempt",
            {"channel": channel},
            NOTIFICATION_BUCKETS,
        ),
        histogram(
            "incident_delivery_lag_seconds",
            "Time from the decision to page until the notifier had it",
            {"channel": channel, "priority": PRIORITY},
            LAG_BUCKETS,
            every(config.channels, PRIORITIES)[:FIRST_LAGS],
        ),
    )


def _service() -> tuple[Family, ...]:
    """Return the families of alerts taken."""
    return (
        counter(
            f"{OWN}_alerts_processed_total",
            "Alerts processed, by what became of them",
            {"result": Closed(PROCESSED)},
        ),
        counter(
            f"{OWN}_dead_letters_total",
            "What could be parsed but not used, and was put aside",
            {"reason": Closed(DEAD_LETTERS)},
        ),
        counter(
            f"{OWN}_unknown_severity_alerts_total",
            "Alerts whose severity is a word that nobody listed: they are at least P2",
            {"source": SOURCE},
            every(SOURCES),
        ),
        counter(
            f"{OWN}_folded_groups_total",
            "Groups beyond their sender's incidents_per_minute, folded into its flood",
            {},
        ),
    )


def _agenda() -> tuple[Family, ...]:
    """Return the families of the agenda and the clocks."""
    return (
        gauge(
            f"{OWN}_processing_queue_size",
            "Agenda entries that are due, the same on every replica: use max(), not sum()",
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_agenda_entries",
            "Agenda entries, due or not, the same on every replica: use max(), not sum()",
            {"lane": Closed(tuple(Lane))},
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_agenda_delay_seconds",
            "How long what is due longest has waited, the same on every replica: use max()",
            {"lane": Closed(tuple(Lane))},
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_agenda_put_off_entries",
            "Agenda entries found further ahead than their kind allows; they are due at once",
            across=Across.MAX,
        ),
        gauge(
            f"{OWN}_clock_offset_seconds",
            "How far a clock is ahead of the service's: Redis's, and this machine's own",
            {"clock": Closed(("redis", "machine"))},
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_clock_behind_seconds",
            "How far the service's clock is behind what Redis and this machine agree on",
            across=Across.SAME,
        ),
    )
