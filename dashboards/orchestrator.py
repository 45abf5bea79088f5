"""Async Toolformer Orchestrator: executive, operations, development."""

from dashboards.build import Board, graph, number, other, unknown

SYSTEM, JOB = "orchestrator", "async-toolformer"

BOARDS = (
    Board(
        "orchestrator-executive",
        "Orchestrator: Executive",
        SYSTEM,
        JOB,
        (
            number(
                "Availability",
                "1 - system:http_error_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.995, "green"),),
            ),
            number(
                "Error budget left, 30 days",
                "1 - (1 - avg_over_time((1 - system:http_error_ratio:rate5m{$job})[30d:5m])) / 0.001",
                unit="percentunit",
            ),
            number(
                "P95 latency",
                "system:http_latency_seconds:p95{$job}",
                unit="s",
                limits=((2, "yellow"), (5, "red")),
            ),
            number(
                "Tool success",
                "system:tool_success_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.95, "green"),),
            ),
            graph(
                "Tool usage",
                ("sum by (tool_name) (rate(tool_executions_total{$job}[5m]))", "{{tool_name}}"),
                unit="ops",
            ),
            graph(
                "Traffic and its growth",
                ("system:http_requests:rate5m{$job}", "now"),
                ("system:http_requests:rate5m{$job} offset 30d", "30 days ago"),
                unit="reqps",
            ),
            graph(
                "Capacity: when the disk is full",
                "predict_linear(disk_used_bytes{$job}[1d], 30 * 86400) / disk_total_bytes{$job}",
                unit="percentunit",
            ),
            unknown(
                "Cost",
                "The orchestrator exports no cost; the bill of the cloud has to be its source.",
            ),
        ),
        refresh="5m",
        span="now-7d",
    ),
    Board(
        "orchestrator-operations",
        "Orchestrator: Operations",
        SYSTEM,
        JOB,
        (
            graph(
                "CPU",
                ("cpu_usage_percent{$job}", "{{pod}}"),
                unit="percent",
                limits=((70, "yellow"), (90, "red")),
            ),
            graph(
                "Memory",
                ("system:memory_ratio{$job}", "{{pod}}"),
                unit="percentunit",
                limits=((0.8, "yellow"), (0.9, "red")),
            ),
            graph(
                "Disk",
                ("disk_used_bytes{$job} / disk_total_bytes{$job}", "{{device}}"),
                unit="percentunit",
                limits=((0.85, "red"),),
            ),
            graph(
                "Network",
                ("sum(rate(container_network_receive_bytes_total{$job}[5m]))", "in"),
                ("sum(rate(container_network_transmit_bytes_total{$job}[5m]))", "out"),
                unit="Bps",
            ),
            graph(
                "Latency",
                ("system:http_latency_seconds:p95{$job}", "p95"),
                unit="s",
                limits=((2, "yellow"), (5, "red")),
            ),
            graph("Throughput", ("system:http_requests:rate5m{$job}", "requests"), unit="reqps"),
            graph(
                "Errors",
                (
                    'sum by (endpoint) (rate(http_requests_total{$job, status=~"5.."}[5m]))',
                    "{{endpoint}}",
                ),
                unit="reqps",
            ),
            graph(
                "Dependencies",
                ("dependency_up{$job}", "{{dependency}}"),
                ("database_up{$job}", "database"),
            ),
            graph(
                "Rate limits",
                ("max by (service) (rate_limit_utilization{$job})", "{{service}}"),
                unit="percentunit",
                limits=((0.8, "yellow"), (0.9, "red")),
            ),
            other(
                "table",
                "Active alerts",
                ('ALERTS{system="orchestrator", alertstate="firing"}', "{{alertname}}"),
            ),
            number(
                "Open incidents",
                'sum(max by (priority) (sum by (instance, priority) (incidents_active{job="llm-incident-manager"})))',
            ),
        ),
        refresh="15s",
    ),
    Board(
        "orchestrator-development",
        "Orchestrator: Development",
        SYSTEM,
        JOB,
        (
            graph(
                "Response time by endpoint",
                (
                    "histogram_quantile(0.95, sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{$job}[5m])))",
                    "{{endpoint}}",
                ),
                unit="s",
            ),
            graph(
                "Tool duration",
                (
                    "histogram_quantile(0.95, sum by (le, tool_name) (rate(tool_execution_duration_seconds_bucket{$job}[5m])))",
                    "{{tool_name}}",
                ),
                unit="s",
            ),
            graph(
                "Errors by tool",
                (
                    'sum by (tool_name) (rate(tool_executions_total{$job, status!="success"}[5m]))',
                    "{{tool_name}}",
                ),
                unit="ops",
            ),
            graph(
                "Speculation",
                ("speculation_accuracy_ratio{$job}", "accuracy"),
                unit="percentunit",
                limits=((0.6, "green"),),
            ),
            graph(
                "Replicas",
                (
                    'kube_deployment_status_replicas{deployment="async-toolformer"}',
                    "{{deployment}}",
                ),
            ),
            unknown(
                "Test coverage and complexity",
                "They are known to the build, not to Prometheus: link its report here.",
            ),
            unknown(
                "Build status and deployment frequency",
                "The pipeline exports no metrics; a push of one counter per deployment would do.",
            ),
            unknown(
                "Stack traces",
                "They are in the logs: search for the correlation id of a failed request.",
            ),
        ),
    ),
)
