"""Async Toolformer Orchestrator: executive, operations, development."""

from dashboards.build import Board, graph, number, other, words

SYSTEM, JOB = "orchestrator", "async-toolformer"
REPLICAS = 'kube_deployment_status_replicas{deployment="async-toolformer"}'

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
                about="Share of requests without a server error. The promise is 99.9 %; below 99.5 % somebody is paged.",
            ),
            number(
                "Error budget left, 30 days",
                "1 - (1 - avg_over_time((1 - system:http_error_ratio:rate5m{$job})[30d:5m])) / 0.001",
                unit="percentunit",
                about="Of the failures that the promise of 99.9 % allows in 30 days, the share that is left. At 0 only repairs are deployed.",
                limits=((0.25, "yellow"), (0.5, "green")),
            ),
            number(
                "P95 latency",
                "system:http_latency_seconds:p95{$job}",
                unit="s",
                limits=((2, "yellow"), (5, "red")),
                about="Time that 95 of 100 requests stay below. From 2 s on users wait, from 5 s on they leave.",
            ),
            number(
                "Tool success",
                "system:tool_success_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.95, "green"),),
                about="Share of tool calls that succeed. Below 95 % answers are incomplete.",
            ),
            graph(
                "Tool usage",
                ("sum by (tool_name) (rate(tool_executions_total{$job}[5m]))", "{{tool_name}}"),
                unit="ops",
                about="Calls a second of each tool: what users use most.",
                trend=True,
            ),
            graph(
                "Traffic and its growth",
                ("system:http_requests:rate5m{$job}", "now"),
                ("system:http_requests:rate5m{$job} offset 30d", "30 days ago"),
                unit="reqps",
                about="Requests a second now and 30 days ago. The distance is the growth of a month.",
                trend=True,
            ),
            graph(
                "Capacity: when the disk is full",
                "predict_linear(disk_used_bytes{$job}[1d], 30 * 86400) / disk_total_bytes{$job}",
                unit="percentunit",
                about="Where the disk will be in 30 days if it goes on like the last day. 100 % is full.",
                limits=((0.85, "yellow"), (1, "red")),
            ),
            graph(
                "Cost: replicas for 100 requests a second",
                (
                    f"100 * sum({REPLICAS}) / sum(system:http_requests:rate5m{{$job}})",
                    "replicas",
                ),
                about="What is paid for is replicas. When this rises, the same traffic costs more. The bill itself is not exported.",
                trend=True,
            ),
            graph(
                "Replicas in use",
                (f"sum({REPLICAS})", "now"),
                (f"predict_linear(sum({REPLICAS})[7d:1h], 30 * 86400)", "in 30 days"),
                about="Replicas now, and in 30 days if they go on growing like the last week.",
                trend=True,
            ),
        ),
        refresh="5m",
        span="now-7d",
        about="How the orchestrator does for its users, what it has left, and where it is going.",
        variables=("instance", "environment"),
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
                about="CPU of each pod in percent. 70 % warns, at 90 % requests slow down.",
            ),
            graph(
                "Memory",
                ("system:memory_ratio{$job}", "{{pod}}"),
                unit="percentunit",
                limits=((0.8, "yellow"), (0.9, "red")),
                about="Share of its memory limit that each pod uses. At 100 % it is killed.",
            ),
            graph(
                "Disk",
                ("disk_used_bytes{$job} / disk_total_bytes{$job}", "{{device}}"),
                unit="percentunit",
                limits=((0.85, "red"),),
                about="Share of each disk that is used. 85 % is time to act.",
            ),
            graph(
                "Network",
                ("sum(rate(container_network_receive_bytes_total{$job}[5m]))", "in"),
                ("sum(rate(container_network_transmit_bytes_total{$job}[5m]))", "out"),
                unit="Bps",
                about="Bytes a second in and out. A sudden fall means that nobody reaches it.",
                trend=True,
            ),
            graph(
                "Latency",
                ("system:http_latency_seconds:p95{$job}", "p95"),
                unit="s",
                limits=((2, "yellow"), (5, "red")),
                about="Time that 95 of 100 requests stay below. 2 s warns, 5 s pages.",
            ),
            graph(
                "Throughput",
                ("system:http_requests:rate5m{$job}", "requests"),
                unit="reqps",
                about="Requests a second of all endpoints. A sudden fall is worth a look.",
                trend=True,
            ),
            graph(
                "Errors",
                (
                    'sum by (endpoint) (rate(http_requests_total{$job, status=~"5.."}[5m]))',
                    "{{endpoint}}",
                ),
                unit="reqps",
                about="Server errors a second by endpoint. The one that stands out is where to look.",
                limits=((0.1, "yellow"), (1, "red")),
            ),
            graph(
                "Dependencies",
                ("dependency_up{$job}", "{{dependency}}"),
                ("database_up{$job}", "database"),
                about="1 while a dependency answers, 0 while it does not.",
                limits=((1, "green"),),
            ),
            graph(
                "Pods by phase",
                (
                    'sum by (phase) (kube_pod_status_phase{pod=~"async-toolformer.*"})',
                    "{{phase}}",
                ),
                about="Pods by what Kubernetes says of them. Pending or Failed for more than minutes: kubectl describe pod.",
                trend=True,
            ),
            graph(
                "Services and ingresses",
                ('count(kube_service_info{service=~"async-toolformer.*"})', "services"),
                ('count(kube_ingress_info{ingress=~"async-toolformer.*"})', "ingresses"),
                about="Ways that lead to it. One that is gone is nobody's traffic.",
                trend=True,
            ),
            graph(
                "Rate limits",
                ("max by (service) (rate_limit_utilization{$job})", "{{service}}"),
                unit="percentunit",
                limits=((0.8, "yellow"), (0.9, "red")),
                about="Share of the limit of each external service that is used. From 90 % on calls are refused soon.",
            ),
            other(
                "table",
                "Active alerts",
                ('ALERTS{system="orchestrator", alertstate="firing"}', "{{alertname}}"),
                about="Alerts that fire now. Each has a runbook: see the link above.",
                trend=True,
            ),
            number(
                "Open incidents",
                'sum(max by (priority) (sum by (instance, priority) (incidents_active{job="llm-incident-manager"})))',
                about="Incidents that are open, of all systems.",
                limits=((1, "yellow"), (10, "red")),
            ),
        ),
        refresh="15s",
        about="Machines, application, dependencies and alerts in one place.",
        variables=("instance", "environment"),
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
                about="Time that 95 of 100 requests to an endpoint stay below.",
                limits=((2, "yellow"), (5, "red")),
            ),
            graph(
                "Tool duration",
                (
                    "histogram_quantile(0.95, sum by (le, tool_name) (rate(tool_execution_duration_seconds_bucket{$job}[5m])))",
                    "{{tool_name}}",
                ),
                unit="s",
                about="Time that 95 of 100 calls of a tool stay below.",
                limits=((5, "yellow"), (30, "red")),
            ),
            graph(
                "Errors by tool",
                (
                    'sum by (tool_name) (rate(tool_executions_total{$job, status!="success"}[5m]))',
                    "{{tool_name}}",
                ),
                unit="ops",
                about="Calls of each tool that do not succeed, a second.",
                limits=((0.1, "yellow"), (1, "red")),
            ),
            graph(
                "Speculation",
                ("speculation_accuracy_ratio{$job}", "accuracy"),
                unit="percentunit",
                limits=((0.6, "green"),),
                about="Share of speculative calls whose result was used. Below 60 % they cost more than they save.",
            ),
            graph(
                "Replicas",
                (
                    'kube_deployment_status_replicas{deployment="async-toolformer"}',
                    "{{deployment}}",
                ),
                about="Replicas that run. A step without a deployment is the autoscaler.",
                trend=True,
            ),
            graph(
                "Deployments a day",
                (
                    'sum(changes(kube_deployment_status_observed_generation{deployment="async-toolformer"}[1d]))',
                    "changes",
                ),
                about="Changes of the deployment in the day before: releases, and changes of its size.",
                trend=True,
            ),
            graph(
                "Replicas that do not come up",
                (
                    'sum(kube_deployment_status_replicas_unavailable{deployment="async-toolformer"})',
                    "unavailable",
                ),
                about="Replicas that are wanted and not ready. More than a few minutes after a deployment: roll back.",
                limits=((1, "yellow"), (3, "red")),
            ),
            words(
                "Tests, builds and stack traces",
                "Coverage and build status are known to the build, which exports no metrics.\n\n"
                "Stack traces are in the logs: take the correlation id of the failed request and search for it,"
                " `kubectl logs -l app=async-toolformer --since=15m | grep ID`.\n\n"
                "[Incidents](${incident_manager}/?text=orchestrator) · [Runbooks](${incident_manager}/runbooks/?text=orchestrator)",
            ),
        ),
        about="What developers look at: speed, errors and deployments.",
        variables=("instance", "environment"),
    ),
)
