"""LLM Auto-Optimizer: overview, stream processing, state backend."""

from dashboards.build import Board, graph, number, other

SYSTEM, JOB = "auto-optimizer", "llm-optimizer"

BOARDS = (
    Board(
        "auto-optimizer-overview",
        "Auto-Optimizer: Overview",
        SYSTEM,
        JOB,
        (
            number("Service Health", "min(up{$job})"),
            number("Request Rate", "sum(rate(http_requests_total{$job}[1m]))", unit="reqps"),
            number(
                "Error Rate",
                "system:http_error_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.001, "yellow"), (0.01, "red")),
            ),
            number("Spent today", "system:llm_cost_dollars:increase1d{$job}", unit="currencyUSD"),
            graph(
                "Latency Percentiles",
                ("system:http_latency_seconds:p50{$job}", "p50"),
                ("system:http_latency_seconds:p95{$job}", "p95"),
                ("system:http_latency_seconds:p99{$job}", "p99"),
                unit="s",
                limits=((0.5, "yellow"), (1, "red")),
            ),
            graph(
                "Requests by endpoint",
                ("sum by (endpoint) (rate(http_requests_total{$job}[5m]))", "{{endpoint}}"),
                unit="reqps",
            ),
            graph(
                "LLM errors by provider",
                ("system:llm_error_ratio:rate5m{$job}", "{{provider}}"),
                unit="percentunit",
            ),
            graph("LLM tokens", ("sum by (model) (rate(llm_tokens_total{$job}[5m]))", "{{model}}")),
            graph(
                "CPU and memory",
                ("rate(process_cpu_seconds_total{$job}[5m])", "CPU {{instance}}"),
                ("system:memory_ratio{$job}", "memory {{instance}}"),
                unit="percentunit",
            ),
            graph(
                "Experiments",
                ("ab_test_active_count{$job}", "active"),
                ("sum(rate(ab_test_assignments_total{$job}[5m]))", "assignments/s"),
            ),
        ),
    ),
    Board(
        "auto-optimizer-streams",
        "Auto-Optimizer: Stream Processing",
        SYSTEM,
        JOB,
        (
            graph(
                "Events Received vs Processed",
                (
                    "sum by (pipeline) (rate(stream_events_received_total{$job}[5m]))",
                    "received {{pipeline}}",
                ),
                (
                    "sum by (pipeline) (rate(stream_events_processed_total{$job}[5m]))",
                    "processed {{pipeline}}",
                ),
                unit="ops",
            ),
            graph(
                "Processing Latency",
                (
                    "histogram_quantile(0.95, sum by (le, pipeline) (rate(stream_processing_duration_ms_bucket{$job}[5m])))",
                    "p95 {{pipeline}}",
                ),
                unit="ms",
                limits=((100, "red"),),
            ),
            graph(
                "Backpressure Queue",
                ("max by (pipeline) (stream_backpressure_queue_size{$job})", "{{pipeline}}"),
                limits=((500, "yellow"), (1000, "red")),
            ),
            graph(
                "Pipeline Lag",
                ("max by (pipeline) (watermark_lag_ms{$job})", "{{pipeline}}"),
                unit="ms",
                limits=((5000, "yellow"), (30000, "red")),
            ),
            graph(
                "Dropped and late",
                (
                    "sum by (reason) (rate(stream_events_dropped_total{$job}[5m]))",
                    "dropped: {{reason}}",
                ),
                ("sum(rate(late_events_total{$job}[5m]))", "late"),
                unit="ops",
            ),
            graph(
                "Kafka consumer lag",
                ("max by (topic) (kafka_consumer_lag{$job})", "{{topic}}"),
                limits=((1000, "yellow"), (10000, "red")),
            ),
            graph("Windows", ("window_active_count{$job}", "{{window_type}}")),
        ),
    ),
    Board(
        "auto-optimizer-state",
        "Auto-Optimizer: State Backend",
        SYSTEM,
        JOB,
        (
            graph(
                "Operation Counts",
                ("sum(rate(state_backend_get_total{$job}[5m]))", "GET"),
                ("sum(rate(state_backend_put_total{$job}[5m]))", "PUT"),
                ("sum(rate(state_backend_delete_total{$job}[5m]))", "DELETE"),
                unit="ops",
            ),
            graph(
                "Operation Latency, p95",
                (
                    "histogram_quantile(0.95, sum by (le) (rate(state_backend_get_duration_ms_bucket{$job}[5m])))",
                    "GET",
                ),
                (
                    "histogram_quantile(0.95, sum by (le) (rate(state_backend_put_duration_ms_bucket{$job}[5m])))",
                    "PUT",
                ),
                (
                    "histogram_quantile(0.95, sum by (le) (rate(state_backend_delete_duration_ms_bucket{$job}[5m])))",
                    "DELETE",
                ),
                unit="ms",
            ),
            graph(
                "Cache Hit Rate",
                "system:cache_hit_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.8, "green"),),
            ),
            graph(
                "State Size",
                ("sum by (namespace) (state_backend_size_bytes{$job})", "{{namespace}}"),
                unit="bytes",
            ),
            graph(
                "Errors",
                (
                    "sum by (error_type) (rate(state_backend_errors_total{$job}[5m]))",
                    "{{error_type}}",
                ),
                unit="ops",
            ),
            graph(
                "Checkpoints",
                (
                    "histogram_quantile(0.95, sum by (le) (rate(state_checkpoint_duration_ms_bucket{$job}[15m])))",
                    "p95",
                ),
                unit="ms",
            ),
            other(
                "table",
                "Checkpoint failures",
                (
                    "sum by (checkpoint_type) (increase(state_checkpoint_failures_total{$job}[1d]))",
                    "{{checkpoint_type}}",
                ),
            ),
        ),
    ),
)
