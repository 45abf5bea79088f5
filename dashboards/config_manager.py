"""LLM Config Manager: operations (12 panels), security (6), performance (6), as its guide has them."""

from dashboards.build import Board, dial, graph, number, other

SYSTEM, JOB = "config-manager", "llm-config-manager"
RED = (5, "orange"), (10, "red")

BOARDS = (
    Board(
        "config-manager-operations",
        "Config Manager: Main Operations",
        SYSTEM,
        JOB,
        (
            number("System Status", "min(up{$job})", about="1: healthy"),
            number("Uptime", "min(time() - process_start_time_seconds{$job})", unit="s"),
            graph("Request Rate", "sum(rate(http_requests_total{$job}[5m]))", unit="reqps"),
            dial(
                "Success Rate",
                "100 * system:http_success_ratio:rate5m{$job}",
                unit="percent",
                limits=((99, "green"),),
            ),
            graph(
                "P95 Latency",
                "system:http_latency_seconds:p95{$job}",
                unit="s",
                limits=((0.1, "yellow"), (0.2, "red")),
            ),
            graph(
                "Error Rate",
                "100 * system:operation_error_ratio:rate5m{$job}",
                unit="percent",
                limits=RED,
            ),
            dial(
                "Cache Hit Rate",
                "100 * system:cache_hit_ratio:rate5m{$job}",
                unit="percent",
                limits=((80, "green"),),
            ),
            number("Active Configurations", "sum(config_active_total{$job})"),
            other(
                "pie",
                "Operations Breakdown",
                ("sum by (operation) (rate(config_operations_total{$job}[5m]))", "{{operation}}"),
            ),
            graph(
                "CPU Usage",
                ("100 * rate(process_cpu_seconds_total{$job}[5m])", "{{instance}}"),
                unit="percent",
                limits=((85, "red"),),
            ),
            graph(
                "Memory Usage",
                ("process_resident_memory_bytes{$job}", "{{instance}}"),
                unit="bytes",
                limits=((3758096384, "red"),),
            ),
            graph(
                "Storage Size",
                "max(storage_size_bytes{$job})",
                unit="bytes",
                limits=((96636764160, "red"),),
            ),
        ),
        refresh="5s",
    ),
    Board(
        "config-manager-security",
        "Config Manager: Security Monitoring",
        SYSTEM,
        JOB,
        (
            graph(
                "Permission Denials",
                ("sum by (role) (rate(rbac_permission_denials_total{$job}[5m]))", "{{role}}"),
            ),
            graph("Rate Limit Hits", "sum(rate(rate_limit_violations_total{$job}[5m]))"),
            other("table", "Banned IPs", ("banned_ips{$job}", "{{ip}} {{reason}}")),
            number(
                "Failed Authentication",
                "sum(increase(auth_failures_total{$job}[5m]))",
                limits=((10, "red"),),
            ),
            graph(
                "Secret Access",
                ("sum by (client) (rate(secret_reads_total{$job}[5m]))", "{{client}}"),
            ),
            graph(
                "Audit Events", ("sum by (type) (rate(audit_events_total{$job}[5m]))", "{{type}}")
            ),
        ),
        refresh="10s",
    ),
    Board(
        "config-manager-performance",
        "Config Manager: Performance",
        SYSTEM,
        JOB,
        (
            other(
                "heatmap",
                "Latency Heatmap",
                (
                    "sum by (le) (increase(http_request_duration_seconds_bucket{$job}[5m]))",
                    "{{le}}",
                ),
                unit="s",
            ),
            graph(
                "Operations Per Second",
                ("sum by (operation) (rate(config_operations_total{$job}[5m]))", "{{operation}}"),
                unit="ops",
            ),
            graph(
                "Cache Performance",
                (
                    "sum by (cache_layer) (rate(cache_hits_total{$job}[5m])) / (sum by (cache_layer) (rate(cache_hits_total{$job}[5m])) + sum by (cache_layer) (rate(cache_misses_total{$job}[5m])))",
                    "{{cache_layer}}",
                ),
                unit="percentunit",
            ),
            graph(
                "Database Query Time",
                (
                    "histogram_quantile(0.95, sum by (le, query) (rate(db_query_duration_seconds_bucket{$job}[5m])))",
                    "{{query}}",
                ),
                unit="s",
            ),
            graph(
                "Resource Utilization",
                ("rate(process_cpu_seconds_total{$job}[5m])", "CPU {{instance}}"),
                ("system:memory_ratio{$job}", "memory {{instance}}"),
                ("sum(rate(disk_io_bytes_total{$job}[5m]))", "disk"),
                ("sum(rate(network_bytes_total{$job}[5m]))", "network"),
            ),
            graph(
                "Connection Pools",
                ("db_connections_active{$job}", "active {{pool}}"),
                ("db_connections_max{$job}", "available {{pool}}"),
            ),
        ),
        refresh="10s",
    ),
)
