"""Our own dashboards: overview, integrations, processing, alerts and objectives, resources."""

from dashboards.build import Board, dial, graph, number, other, unknown
from receiver.response_families import Configured, response_families

SYSTEM, JOB = "incident-manager", "llm-incident-manager"
OPEN = "max by (priority, state) (sum by (instance, priority, state) (incidents_active{$job}))"
LABELS = {
    family.name: tuple(family.labels) for family in response_families(Configured((), (), (), {}))
}


def once(function: str, name: str, span: str, given: str = "", suffix: str = "") -> str:
    """Return a rate or an increase of what every replica shows alike, taken once.

    ``given``: further matchers; ``suffix``: of a histogram's series.
    """
    labels = ", ".join(LABELS[name])
    chosen = f"$job, {given}" if given else "$job"
    return f"max by ({labels}) ({function}({name}{suffix}{{{chosen}}}[{span}]))"


def mean(name: str, span: str, by: str = "", given: str = "") -> str:
    """Return the mean of a duration over a span, in seconds; ``by``: labels, as in PromQL."""
    how = f"sum by ({by})" if by else "sum"
    parts = (once("rate", name, span, given, suffix) for suffix in ("_sum", "_count"))
    return " / ".join(f"{how} ({part})" for part in parts)


ACKNOWLEDGED = "incident_acknowledge_duration_seconds"
RESOLVED = "incident_resolution_duration_seconds"
DEADLINES = "incident_deadlines_total"
MET = once("increase", DEADLINES, "7d", 'outcome="met"')
ENDED = once("increase", DEADLINES, "7d", 'outcome=~"met|missed"')
MISSED = once("increase", DEADLINES, "1h", 'outcome="missed"')

BOARDS = (
    Board(
        "incident-manager-overview",
        "Incident Manager: System Overview",
        SYSTEM,
        JOB,
        (
            number("Instances up", "sum(up{$job})", limits=((1, "green"),)),
            number("Open incidents", f"sum({OPEN})"),
            number(
                "Nobody has it",
                'sum(max by (priority) (sum by (instance, priority) (incidents_active{$job, state="triggered"})))',
            ),
            number("Commits work", "min(incident_manager_redis_up{$job})"),
            graph("Open incidents by priority and state", (OPEN, "{{priority}} {{state}}")),
            graph(
                "Alerts received",
                ("sum by (severity) (rate(alerts_received_total{$job}[5m]))", "{{severity}}"),
                unit="reqps",
            ),
            graph(
                "HTTP requests by status",
                ("sum by (status) (rate(http_requests_total{$job}[5m]))", "{{status}}"),
                unit="reqps",
            ),
            graph(
                "HTTP p95",
                (
                    "histogram_quantile(0.95, sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{$job}[5m])))",
                    "{{endpoint}}",
                ),
                unit="s",
            ),
            graph(
                "Notifiers that work",
                ("min by (channel) (incident_manager_notifier_up{$job})", "{{channel}}"),
            ),
            graph(
                "Incidents opened",
                (
                    f"sum by (priority) ({once('increase', 'incidents_total', '1h')})",
                    "{{priority}}",
                ),
            ),
        ),
        refresh="5s",
    ),
    Board(
        "incident-manager-integrations",
        "Incident Manager: Integration Performance",
        SYSTEM,
        JOB,
        (
            graph(
                "Request rate by integration",
                (
                    "sum by (integration) (rate(llm_integration_requests_total{$job}[5m]))",
                    "{{integration}}",
                ),
                unit="reqps",
            ),
            graph(
                "Error rate %",
                (
                    "100 * sum by (integration) (rate(llm_integration_requests_failed{$job}[5m])) / sum by (integration) (rate(llm_integration_requests_total{$job}[5m]))",
                    "{{integration}}",
                ),
                unit="percent",
                limits=((1, "yellow"), (5, "red")),
            ),
            graph(
                "Latency p95 and p99",
                (
                    "histogram_quantile(0.95, sum by (le, integration) (rate(llm_integration_latency_milliseconds_bucket{$job}[5m])))",
                    "p95 {{integration}}",
                ),
                (
                    "histogram_quantile(0.99, sum by (le, integration) (rate(llm_integration_latency_milliseconds_bucket{$job}[5m])))",
                    "p99 {{integration}}",
                ),
                unit="ms",
            ),
            other(
                "heatmap",
                "Latency distribution",
                (
                    "sum by (le) (increase(llm_integration_latency_milliseconds_bucket{$job}[5m]))",
                    "{{le}}",
                ),
                unit="ms",
            ),
            other(
                "table",
                "Success rate",
                (
                    "min by (integration) (llm_integration_success_rate_percent{$job})",
                    "{{integration}}",
                ),
                unit="percent",
            ),
            graph(
                "Last request",
                (
                    "time() - max by (integration) (llm_integration_last_request_timestamp{$job} > 0)",
                    "{{integration}}",
                ),
                unit="s",
            ),
        ),
        refresh="15s",
    ),
    Board(
        "incident-manager-processing",
        "Incident Manager: Incident Processing",
        SYSTEM,
        JOB,
        (
            graph(
                "Alerts processed",
                (
                    "sum by (result) (rate(incident_manager_alerts_processed_total{$job}[5m]))",
                    "{{result}}",
                ),
                unit="reqps",
            ),
            graph(
                "Until durable, p99",
                (
                    "histogram_quantile(0.99, sum by (le, source) (rate(alert_processing_duration_seconds_bucket{$job}[5m])))",
                    "{{source}}",
                ),
                unit="s",
            ),
            graph(
                "Correlations",
                ("sum by (result) (rate(correlations_total{$job}[5m]))", "{{result}}"),
                unit="reqps",
            ),
            graph(
                "Agenda",
                ("max by (lane) (incident_manager_agenda_entries{$job})", "{{lane}}"),
                ("max(incident_manager_processing_queue_size{$job})", "due"),
            ),
            graph(
                "Notifications",
                (
                    "sum by (channel, status) (rate(notifications_sent_total{$job}[5m]))",
                    "{{channel}} {{status}}",
                ),
                unit="reqps",
            ),
            graph(
                "From decision to delivery, p95",
                (
                    "histogram_quantile(0.95, sum by (le, channel, priority) (rate(incident_delivery_lag_seconds_bucket{$job}[15m])))",
                    "{{channel}} {{priority}}",
                ),
                unit="s",
            ),
            graph(
                "Failures by cause",
                (
                    "sum by (channel, cause) (increase(notification_failures_total{$job}[15m]))",
                    "{{channel}} {{cause}}",
                ),
            ),
            graph(
                "Context: questions by outcome",
                (
                    "sum by (enricher, status) (increase(enrichments_total{$job}[15m]))",
                    "{{enricher}} {{status}}",
                ),
            ),
            graph(
                "Context: time of a question, p95",
                (
                    "histogram_quantile(0.95, sum by (le, enricher) (rate(enrichment_duration_seconds_bucket{$job}[15m])))",
                    "{{enricher}}",
                ),
                unit="s",
            ),
            graph(
                "Dead letters",
                (
                    "sum by (reason) (increase(incident_manager_dead_letters_total{$job}[1h]))",
                    "{{reason}}",
                ),
            ),
        ),
    ),
    Board(
        "incident-manager-slos",
        "Incident Manager: Alerts & SLOs",
        SYSTEM,
        JOB,
        (
            number(
                "MTTA",
                mean(ACKNOWLEDGED, "7d", given='by="human"'),
                unit="s",
            ),
            number(
                "MTTR",
                mean(RESOLVED, "7d"),
                unit="s",
            ),
            dial(
                "Deadlines met",
                f"sum({MET}) / sum({ENDED})",
                unit="percentunit",
            ),
            number(
                "Reached nobody",
                f"sum({once('increase', 'incident_undeliverable_total', '7d')})",
                limits=((1, "red"),),
            ),
            graph(
                "MTTA by priority",
                (
                    mean(ACKNOWLEDGED, "1d", "priority", 'by="human"'),
                    "{{priority}}",
                ),
                unit="s",
            ),
            graph(
                "MTTR by priority, people and alone",
                (
                    mean(RESOLVED, "1d", "priority, by"),
                    "{{priority}} {{by}}",
                ),
                unit="s",
            ),
            graph(
                "Escalations",
                (
                    f"sum by (step, reason) ({once('increase', 'incident_escalations_total', '1h')})",
                    "step {{step}}: {{reason}}",
                ),
            ),
            graph(
                "Deadlines missed",
                (
                    f"sum by (priority, clock) ({MISSED})",
                    "{{priority}} {{clock}}",
                ),
            ),
            graph(
                "Reopened and flapping",
                (
                    f"sum by (priority) ({once('increase', 'incident_reopened_total', '1d')})",
                    "reopened {{priority}}",
                ),
                (
                    f"sum by (priority) ({once('increase', 'incident_flapping_total', '1d')})",
                    "flapping {{priority}}",
                ),
            ),
        ),
        refresh="1m",
        span="now-7d",
    ),
    Board(
        "incident-manager-resources",
        "Incident Manager: Cost & Resource Usage",
        SYSTEM,
        JOB,
        (
            graph(
                "Memory",
                ("incident_manager_memory_usage_bytes{$job}", "{{instance}}"),
                unit="bytes",
            ),
            graph(
                "CPU",
                ("rate(process_cpu_seconds_total{$job}[5m])", "{{instance}}"),
                unit="percentunit",
            ),
            graph(
                "Redis memory, and its maxmemory",
                ("max(incident_manager_storage_used_bytes{$job})", "used"),
                ("max(incident_manager_storage_max_bytes{$job})", "maxmemory (0: none)"),
                unit="bytes",
            ),
            graph(
                "Disk of the embedded store",
                ("min by (state) (incident_manager_disk_bytes{$job})", "{{state}}"),
                unit="bytes",
            ),
            graph(
                "Connections",
                ("incident_manager_connection_pool_connections{$job}", "{{pool}} {{state}}"),
            ),
            graph(
                "Caches: hit rate",
                ("min by (cache) (incident_manager_cache_hit_rate{$job})", "{{cache}}"),
                unit="percentunit",
            ),
            graph(
                "Caches: size",
                ("max by (cache) (incident_manager_cache_size_bytes{$job})", "{{cache}}"),
                unit="bytes",
            ),
            graph("Open files", ("process_open_fds{$job}", "{{instance}}")),
            unknown(
                "Cost of LLM calls",
                "Summaries by a language model are not built yet; their tokens and cost will be here.",
            ),
        ),
        refresh="5m",
    ),
)
