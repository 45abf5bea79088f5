"""Metrics of the service's own state: what it waits for, holds and has lost."""

from receiver.conditions import Subject
from receiver.observability.metrics.family import (
    OWN,
    Across,
    Closed,
    Family,
    counter,
    every,
    gauge,
)
from receiver.observability.metrics.response import (
    Configured,
)

REQUEST_LANES = ("intake", "people")
PROCESS_STATES = ("running", "wanted")
PORTS = ("api", "metrics", "status")
LIMITS = ("address", "credential", "webhooks", "passwords", "notes", "incidents")
"""As ``http.limits`` counts them, of which metrics know nothing."""
POOLS = ("redis",)
POOL_STATES = ("in_use", "max")
DISK_STATES = ("free", "total")
DURABILITY = ("every_write", "every_second", "one_copy", "assured", "accepted_loss", "refused")
"""As ``store.durability.Level``, which a leaf does not import."""
CACHES = ("records", "enrichment")
HEARTBEATS = ("sent", "failed", "withheld")
PAGERDUTY_WEBHOOKS = (
    "applied",
    "unchanged",
    "duplicate",
    "echo",
    "learned",
    "unmapped",
    "ignored",
    "dead_letter",
    "refused",
    "unavailable",
)
DAMAGED = (
    "incident",
    "group",
    "timeline",
    "receipt",
    "agenda",
    "index",
    "figures",
    "other",
)
"""As ``KINDS`` of the store's register, which metrics know nothing of."""


def health(config: Configured) -> tuple[Family, ...]:
    """Return the families of how this process and its store are."""
    return (
        gauge(
            f"{OWN}_runbooks",
            "Runbooks in the catalogue, by system",
            {"system": Closed(config.systems)},
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_processes",
            "Processes that answer on the ports of this service, and how many should",
            {"state": Closed(PROCESS_STATES)},
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_event_loop_lag_seconds",
            "Longest time within the last minute for which this process did nothing else",
            across=Across.MAX,
        ),
        gauge(
            f"{OWN}_condition",
            "1 while something is wrong with this replica: see problems in /health",
            {"subject": Closed(tuple(Subject))},
            across=Across.MAX,
        ),
        gauge(
            f"{OWN}_redis_up",
            "1 while a commit like that of a webhook just worked, and will last",
            across=Across.MIN,
        ),
        gauge(
            f"{OWN}_durability",
            "1 for how durable the server is: see durability in /health",
            {"level": Closed(DURABILITY)},
            across=Across.SAME,
        ),
        counter(
            f"{OWN}_store_lost_commits_total",
            "Commits of this process that Redis acknowledged and then did not have: use sum()",
            {},
        ),
        gauge(
            f"{OWN}_disk_bytes",
            "Disk of storage.path, where the embedded server keeps its file",
            {"state": Closed(DISK_STATES)},
            (),
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_damaged_records",
            "What is stored and cannot be read, the same on every replica: use max(), not sum()",
            {"kind": Closed(DAMAGED)},
            across=Across.SAME,
        ),
    )


def connections(config: Configured) -> tuple[Family, ...]:
    """Return the families of connections."""
    return (
        gauge(
            f"{OWN}_connection_pool_connections",
            "Connections of a pool: in use, and how many there may be",
            {"pool": Closed((*POOLS, *config.channels)), "state": Closed(POOL_STATES)},
            every(POOLS, POOL_STATES),
            across=Across.SUM,
        ),
        gauge(
            f"{OWN}_connections",
            "Connections to a port of this process, and how many there may be",
            {"port": Closed(PORTS), "state": Closed(POOL_STATES)},
            across=Across.SUM,
        ),
        counter(
            f"{OWN}_connections_refused_total",
            "Connections that a port had no room for, as all others were being answered",
            {"port": Closed(PORTS)},
        ),
        counter(
            f"{OWN}_tls_handshakes_failed_total",
            "Connections to a port that came to no TLS: by http, or of a certificate not taken",
            {"port": Closed(PORTS)},
        ),
        gauge(
            f"{OWN}_certificate_expiry_timestamp_seconds",
            "When the certificate expires that a port shows",
            {"port": Closed(PORTS)},
            (),
            across=Across.MIN,
        ),
    )


def requests(config: Configured) -> tuple[Family, ...]:
    """Return the families of requests, and of what keeps them from being made."""
    return (
        gauge(
            f"{OWN}_requests_in_flight",
            "Requests being answered, by what they are for",
            {"lane": Closed(REQUEST_LANES)},
            across=Across.SUM,
        ),
        counter(
            f"{OWN}_requests_refused_total",
            "Requests that were sent away with 503 at once, as more came than can be answered",
            {"lane": Closed(REQUEST_LANES)},
        ),
        counter(
            f"{OWN}_requests_limited_total",
            "Requests that were refused because an address, credential or person asked too often",
            {"limit": Closed(LIMITS)},
        ),
        gauge(
            f"{OWN}_listen_overflows",
            "Connections the system dropped before a program accepted them, of all on this machine",
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_circuit_breaker_open",
            "1 while the circuit breaker of an integration that is told is open or half open",
            {"channel": Closed(config.channels)},
            (),
            across=Across.MAX,
        ),
    )


def resources() -> tuple[Family, ...]:
    """Return the families of caches and of the store's memory."""
    return (
        gauge(
            f"{OWN}_cache_entries",
            "Entries that a cache holds",
            {"cache": Closed(CACHES)},
            across=Across.SUM,
        ),
        gauge(
            f"{OWN}_cache_size_bytes",
            "How large a cache is, of its entries alone",
            {"cache": Closed(CACHES)},
            across=Across.SUM,
        ),
        gauge(
            f"{OWN}_cache_hit_rate",
            "Share of look-ups that a cache answered since the start",
            {"cache": Closed(CACHES)},
            across=Across.MEAN,
        ),
        gauge(
            f"{OWN}_storage_used_bytes",
            "Memory that Redis uses, the same on every replica: use max(), not sum()",
            across=Across.SAME,
        ),
        gauge(
            f"{OWN}_storage_max_bytes",
            "maxmemory of Redis, 0 for none, the same on every replica: use max(), not sum()",
            across=Across.SAME,
        ),
    )


def events() -> tuple[Family, ...]:
    """Return the families of what comes from elsewhere, heartbeats and reloads."""
    return (
        counter(
            f"{OWN}_pagerduty_webhooks_total",
            "Webhooks of PagerDuty, by what became of them",
            {"outcome": Closed(PAGERDUTY_WEBHOOKS)},
        ),
        counter(
            f"{OWN}_heartbeats_total",
            "Heartbeats that were due, by whether they went out",
            {"outcome": Closed(HEARTBEATS)},
        ),
        gauge(
            f"{OWN}_heartbeat_sent_timestamp_seconds",
            "When a heartbeat last went out, in seconds since the epoch",
            across=Across.MAX,
        ),
        gauge(
            f"{OWN}_config_last_reload_successful",
            "1 if the last attempt to load the configuration succeeded",
            across=Across.MIN,
        ),
        gauge(
            f"{OWN}_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded, in seconds since the epoch",
            across=Across.MAX,
        ),
    )
