"""Our own dashboards: overview, integrations, processing, alerts and objectives, resources."""

from dashboards.build import Board, dial, graph, number, other
from receiver.observability.metrics.response import Configured, response_families

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


def quantile(share: float, name: str, by: str = "", given: str = "") -> str:
    """Return the time that a share of the responses of the chosen range stays below, in seconds."""
    labels = ", ".join((*LABELS[name], "le"))
    chosen = f'$job, team=~"$team"{f", {given}" if given else ""}'
    inner = f"max by ({labels}) (increase({name}_bucket{{{chosen}}}[$__range]))"
    return f"histogram_quantile({share}, sum by ({', '.join(filter(None, ('le', by)))}) ({inner}))"


TEAM = 'team=~"$team"'
ACKNOWLEDGED = "incident_acknowledge_duration_seconds"
RESOLVED = "incident_resolution_duration_seconds"
DEADLINES = "incident_deadlines_total"
MET = once("increase", DEADLINES, "$__range", 'outcome="met"')
ENDED = once("increase", DEADLINES, "$__range", 'outcome=~"met|missed"')
MISSED = once("increase", DEADLINES, "1h", 'outcome="missed"')

BOARDS = (
    Board(
        "incident-manager-overview",
        "Incident Manager: System Overview",
        SYSTEM,
        JOB,
        (
            number(
                "Instances up",
                "sum(up{$job})",
                limits=((1, "green"),),
                about="Replicas that answer Prometheus.",
            ),
            number(
                "Open incidents",
                f"sum({OPEN})",
                about="Incidents that are not resolved, of all priorities.",
                limits=((10, "yellow"), (50, "red")),
            ),
            number(
                "Nobody has it",
                'sum(max by (priority) (sum by (instance, priority) (incidents_active{$job, state="triggered"})))',
                about="Open incidents that nobody has acknowledged. Each has a clock that runs.",
                limits=((1, "yellow"), (5, "red")),
            ),
            number(
                "Commits work",
                "min(incident_manager_redis_up{$job})",
                about="1 while what is accepted is durable. At 0 alerts are answered 503 and wait in Alertmanager.",
                limits=((1, "green"),),
                words=((1, "yes"), (0, "NO")),
            ),
            graph(
                "Open incidents by priority and state",
                (OPEN, "{{priority}} {{state}}"),
                about="What is open: a growing triggered line means that nobody answers.",
                trend=True,
            ),
            graph(
                "Alerts received",
                ("sum by (severity) (rate(alerts_received_total{$job}[5m]))", "{{severity}}"),
                unit="reqps",
                about="Alerts a second by severity. A peak is a storm, and becomes few incidents.",
                trend=True,
            ),
            graph(
                "HTTP requests by status",
                ("sum by (status) (rate(http_requests_total{$job}[5m]))", "{{status}}"),
                unit="reqps",
                about="Answers a second by status. 503 comes while Redis is away or too much comes at once.",
                trend=True,
            ),
            graph(
                "HTTP p95",
                (
                    "histogram_quantile(0.95, sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{$job}[5m])))",
                    "{{endpoint}}",
                ),
                unit="s",
                about="Time that 95 of 100 requests stay below, by endpoint. Alertmanager gives up after 10 s.",
                limits=((1, "yellow"), (5, "red")),
            ),
            graph(
                "Notifiers that work",
                ("min by (channel) (incident_manager_notifier_up{$job})", "{{channel}}"),
                about="1 while a notifier delivers, 0 while every attempt fails: pages then take the next one.",
                limits=((1, "green"),),
            ),
            graph(
                "Incidents opened",
                (
                    f"sum by (priority) ({once('increase', 'incidents_total', '1h')})",
                    "{{priority}}",
                ),
                about="Incidents opened in the last hour, by priority.",
                trend=True,
            ),
        ),
        refresh="5s",
        about="Whether the incident manager itself works, and what is open.",
        variables=("instance",),
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
                about="Calls a second of each integration, in both directions.",
                trend=True,
            ),
            graph(
                "Error rate %",
                (
                    "100 * sum by (integration) (rate(llm_integration_requests_failed{$job}[5m])) / sum by (integration) (rate(llm_integration_requests_total{$job}[5m]))",
                    "{{integration}}",
                ),
                unit="percent",
                limits=((1, "yellow"), (5, "red")),
                about="Share of calls that fail, in percent. 1 % is worth a look, at 5 % HighErrorRate fires.",
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
                about="Time that 95 and 99 of 100 calls stay below. From 2 s on HighLatency fires.",
                limits=((1000, "yellow"), (2000, "red")),
            ),
            other(
                "heatmap",
                "Latency distribution",
                (
                    "sum by (le) (increase(llm_integration_latency_milliseconds_bucket{$job}[5m]))",
                    "{{le}}",
                ),
                unit="ms",
                about="How calls spread over response times.",
                trend=True,
            ),
            other(
                "table",
                "Success rate",
                (
                    "min by (integration) (llm_integration_success_rate_percent{$job})",
                    "{{integration}}",
                ),
                unit="percent",
                about="Share of the calls since the start that succeeded, in percent.",
                limits=((95, "yellow"), (99, "green")),
            ),
            graph(
                "Last request",
                (
                    "time() - max by (integration) (llm_integration_last_request_timestamp{$job} > 0)",
                    "{{integration}}",
                ),
                unit="s",
                about="Time since the last call of each integration. What should be busy and is silent has lost its way.",
                trend=True,
            ),
        ),
        refresh="15s",
        about="How each system that is called, or calls, does.",
        variables=("instance",),
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
                about="Alerts a second by what became of them. Dead letters are what could not be used.",
                trend=True,
            ),
            graph(
                "Until durable, p99",
                (
                    "histogram_quantile(0.99, sum by (le, source) (rate(alert_processing_duration_seconds_bucket{$job}[5m])))",
                    "{{source}}",
                ),
                unit="s",
                about="Time from reading a webhook to its commit on disk, in 99 of 100 cases.",
                limits=((0.5, "yellow"), (1, "red")),
            ),
            graph(
                "Correlations",
                ("sum by (result) (rate(correlations_total{$job}[5m]))", "{{result}}"),
                unit="reqps",
                about="Alerts joined into incidents a second, by what it meant for them.",
                trend=True,
            ),
            graph(
                "Agenda",
                ("max by (lane) (incident_manager_agenda_entries{$job})", "{{lane}}"),
                ("max(incident_manager_processing_queue_size{$job})", "due"),
                about="Deadlines, escalations and deliveries that are planned, and those that are due. More than 1,000 due is a backlog.",
                limits=((1000, "red"),),
            ),
            graph(
                "Notifications",
                (
                    "sum by (channel, status) (rate(notifications_sent_total{$job}[5m]))",
                    "{{channel}} {{status}}",
                ),
                unit="reqps",
                about="Attempts to deliver a second, by notifier and outcome.",
                trend=True,
            ),
            graph(
                "From decision to delivery, p95",
                (
                    "histogram_quantile(0.95, sum by (le, channel, priority) (rate(incident_delivery_lag_seconds_bucket{$job}[15m])))",
                    "{{channel}} {{priority}}",
                ),
                unit="s",
                about="How late pages are, in 95 of 100 cases. Beyond 60 s a P1 goes to the next notifier.",
                limits=((10, "yellow"), (60, "red")),
            ),
            graph(
                "Failures by cause",
                (
                    "sum by (channel, cause) (increase(notification_failures_total{$job}[15m]))",
                    "{{channel}} {{cause}}",
                ),
                about="Attempts of the last 15 minutes that failed, by cause. The runbook of DeliveryFailing says what each means.",
                limits=((1, "yellow"), (10, "red")),
            ),
            graph(
                "Context: questions by outcome",
                (
                    "sum by (enricher, status) (increase(enrichments_total{$job}[15m]))",
                    "{{enricher}} {{status}}",
                ),
                about="What was asked about incidents in the last 15 minutes, and how it went. No page waits for it.",
                trend=True,
            ),
            graph(
                "Context: time of a question, p95",
                (
                    "histogram_quantile(0.95, sum by (le, enricher) (rate(enrichment_duration_seconds_bucket{$job}[15m])))",
                    "{{enricher}}",
                ),
                unit="s",
                about="Time that 95 of 100 questions stay below.",
                limits=((2, "yellow"), (5, "red")),
            ),
            graph(
                "Dead letters",
                (
                    "sum by (reason) (increase(incident_manager_dead_letters_total{$job}[1h]))",
                    "{{reason}}",
                ),
                about="What was sent in the last hour and was no alert, by reason. See incident-manager dead-letters list.",
                limits=((1, "yellow"), (10, "red")),
            ),
        ),
        about="The way of an alert: taken in, joined, committed, delivered.",
        variables=("instance",),
    ),
    Board(
        "incident-manager-slos",
        "Incident Manager: Alerts & SLOs",
        SYSTEM,
        JOB,
        (
            number(
                "MTTA",
                mean(ACKNOWLEDGED, "$__range", given=f'{TEAM}, by="human"'),
                unit="s",
                about="Mean time until a person acknowledges, over the range that is shown. P1 has 5 minutes, P2 15.",
                limits=((300, "yellow"), (900, "red")),
            ),
            number(
                "MTTR",
                mean(RESOLVED, "$__range", given=TEAM),
                unit="s",
                about="Mean time from opening to the end, over the range that is shown. P1 has 30 minutes, P2 2 hours.",
                limits=((1800, "yellow"), (7200, "red")),
            ),
            number(
                "Acknowledged: half, and nine in ten",
                (quantile(0.5, ACKNOWLEDGED, given='by="human"'), "p50"),
                (quantile(0.9, ACKNOWLEDGED, given='by="human"'), "p90"),
                unit="s",
                about="Half are acknowledged within p50, nine in ten within p90, of the range that is shown: what a mean hides.",
                limits=((300, "yellow"), (900, "red")),
            ),
            number(
                "Resolved: half, and nine in ten",
                (quantile(0.5, RESOLVED), "p50"),
                (quantile(0.9, RESOLVED), "p90"),
                unit="s",
                about="Half are over within p50, nine in ten within p90, of the range that is shown.",
                limits=((1800, "yellow"), (7200, "red")),
            ),
            dial(
                "Deadlines met",
                f"sum({MET}) / sum({ENDED})",
                unit="percentunit",
                about="Of the deadlines that ended in this time, the share that was met.",
                limits=((0.9, "yellow"), (0.95, "green")),
            ),
            number(
                "Reached nobody",
                f"sum({once('increase', 'incident_undeliverable_total', '$__range')})",
                limits=((1, "red"),),
                about="Incidents of this time whose policy ended before anybody was reached. Each is one too many.",
            ),
            graph(
                "MTTA by priority",
                (
                    mean(ACKNOWLEDGED, "1d", "priority", f'{TEAM}, by="human"'),
                    "{{priority}}",
                ),
                unit="s",
                about="Mean time until a person acknowledges. The lines are the deadlines of P1 (5 min) and P2 (15 min).",
                limits=((300, "yellow"), (900, "red")),
            ),
            graph(
                "MTTR by priority, people and alone",
                (
                    mean(RESOLVED, "1d", "priority, by", TEAM),
                    "{{priority}} {{by}}",
                ),
                unit="s",
                about="Mean time from opening to the end. The lines are the deadlines of P1 (30 min) and P2 (2 h).",
                limits=((1800, "yellow"), (7200, "red")),
            ),
            graph(
                "Acknowledged, nine in ten, by priority",
                (quantile(0.9, ACKNOWLEDGED, "priority", 'by="human"'), "{{priority}}"),
                unit="s",
                about="Nine in ten are acknowledged within this time, over the range before each point.",
                limits=((300, "yellow"), (900, "red")),
            ),
            graph(
                "Did runbooks help?",
                (
                    "sum by (helped) (max by (runbook, helped) (increase(incident_manager_runbook_feedback_total{$job}[$__range])))",
                    "{{helped}}",
                ),
                about="Answers at the end of runbook pages. A runbook with many a no is worth an hour.",
                trend=True,
            ),
            graph(
                "Escalations",
                (
                    f"sum by (step, reason) ({once('increase', 'incident_escalations_total', '1h')})",
                    "step {{step}}: {{reason}}",
                ),
                about="Steps of policies that were notified in the last hour, and why the one before was not enough.",
                limits=((1, "yellow"), (10, "red")),
            ),
            graph(
                "Deadlines missed",
                (
                    f"sum by (priority, clock) ({MISSED})",
                    "{{priority}} {{clock}}",
                ),
                about="Deadlines of the last hour that passed, by priority and clock.",
                limits=((1, "yellow"), (5, "red")),
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
                about="Incidents of the last day that came back, and those that come and go. Their alerts are worth repair.",
                limits=((5, "yellow"), (20, "red")),
            ),
        ),
        refresh="1m",
        span="now-7d",
        about="How well people are told, answer and repair. MTTA and MTTR, by team and over any time.",
        variables=("instance", "team"),
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
                about="Resident memory of each replica, all its processes together. An idle process takes about 100 MB.",
                limits=((268435456, "yellow"), (536870912, "red")),
            ),
            graph(
                "CPU",
                (
                    'rate(process_cpu_seconds_total{$job}[5m]) / on (job, instance) incident_manager_processes{$job, state="running"}',
                    "{{instance}}",
                ),
                unit="percentunit",
                about="Share of one CPU that each process uses, as a mean of those of a replica. At 100 % they cannot do more: start more of them (web.processes).",
                limits=((0.7, "yellow"), (0.9, "red")),
            ),
            graph(
                "Redis memory, and its maxmemory",
                ("max(incident_manager_storage_used_bytes{$job})", "used"),
                ("max(incident_manager_storage_max_bytes{$job})", "maxmemory (0: none)"),
                unit="bytes",
                about="When used meets maxmemory every change is refused. 80 % warns.",
                trend=True,
            ),
            graph(
                "Disk of the embedded store",
                ("min by (state) (incident_manager_disk_bytes{$job})", "{{state}}"),
                unit="bytes",
                about="What is free on the disk of storage.path. When it is full, webhooks are answered 503.",
                trend=True,
            ),
            graph(
                "Connections",
                ("incident_manager_connection_pool_connections{$job}", "{{pool}} {{state}}"),
                about="Connections of each pool in use, and how many there may be.",
                trend=True,
            ),
            graph(
                "Caches: hit rate",
                ("min by (cache) (incident_manager_cache_hit_rate{$job})", "{{cache}}"),
                unit="percentunit",
                about="Share of look-ups that each cache answers. Below 50 % it is too small, or nothing repeats.",
                limits=((0.5, "yellow"), (0.8, "green")),
            ),
            graph(
                "Caches: size",
                ("max by (cache) (incident_manager_cache_size_bytes{$job})", "{{cache}}"),
                unit="bytes",
                about="How large each cache is; they have bounds.",
                trend=True,
            ),
            graph(
                "Open files",
                ("process_open_fds{$job}", "{{instance}}"),
                about="Files and connections that each replica holds. The usual limit is 1,024.",
                limits=((700, "yellow"), (900, "red")),
            ),
            graph(
                "Cost of language models",
                (
                    "sum by (provider, model) (increase(llm_cost_usd_total{$job}[1d]))",
                    "{{provider}} {{model}}",
                ),
                unit="currencyUSD",
                about="Dollars of the last day for the summaries of incidents. Empty without enrichment.summary.url.",
                limits=((5, "yellow"), (20, "red")),
            ),
            graph(
                "Tokens of language models",
                (
                    "sum by (model, type) (rate(llm_tokens_used_total{$job}[5m]))",
                    "{{model}} {{type}}",
                ),
                unit="tps",
                about="Tokens a second by model and direction. Cost follows them. Empty without enrichment.summary.url.",
                trend=True,
            ),
            graph(
                "Capacity: incidents that Redis keeps",
                (
                    "max(incident_manager_storage_used_bytes{$job})",
                    "memory used",
                ),
                (
                    "max(predict_linear(incident_manager_storage_used_bytes{$job}[6h], 30 * 86400))",
                    "in 30 days",
                ),
                unit="bytes",
                about="Memory of Redis now, and in 30 days if it goes on like the last six hours. It is what limits how long incidents are kept.",
                limits=((858993459, "yellow"), (1073741824, "red")),
            ),
        ),
        refresh="5m",
        about="What the service itself uses, and what it costs.",
        variables=("instance",),
    ),
)
