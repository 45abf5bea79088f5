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
            number(
                "Service Health",
                "min(up{$job})",
                about="1 while every instance answers Prometheus, 0 when one does not.",
                limits=((1, "green"),),
                words=((1, "UP"), (0, "DOWN")),
            ),
            number(
                "Request Rate",
                "sum(rate(http_requests_total{$job}[1m]))",
                unit="reqps",
                about="Requests a second now. A sudden drop means that clients or the load balancer lost the way.",
                trend=True,
            ),
            number(
                "Error Rate",
                "system:http_error_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.001, "yellow"), (0.01, "red")),
                about="Share of requests that fail. Below 1 % is normal; the objective is 0.1 %.",
            ),
            number(
                "Spent today",
                "system:llm_cost_dollars:increase1d{$job}",
                unit="currencyUSD",
                about="What calls of language models cost since this time yesterday; the budget is 100 dollars a day.",
                limits=((80, "yellow"), (100, "red")),
            ),
            graph(
                "Latency Percentiles",
                ("system:http_latency_seconds:p50{$job}", "p50"),
                ("system:http_latency_seconds:p95{$job}", "p95"),
                ("system:http_latency_seconds:p99{$job}", "p99"),
                unit="s",
                limits=((0.5, "yellow"), (1, "red")),
                about="Half of the requests are faster than p50, one in a hundred is slower than p99. Above 500 ms users notice.",
            ),
            graph(
                "Requests by endpoint",
                ("sum by (endpoint) (rate(http_requests_total{$job}[5m]))", "{{endpoint}}"),
                unit="reqps",
                about="Which endpoint the traffic goes to. Compare with errors and latency to find the one that hurts.",
                trend=True,
            ),
            graph(
                "LLM errors by provider",
                ("system:llm_error_ratio:rate5m{$job}", "{{provider}}"),
                unit="percentunit",
                about="Share of calls that each provider of language models fails. Above 5 % optimizations wait.",
                limits=((0.01, "yellow"), (0.05, "red")),
            ),
            graph(
                "LLM tokens",
                ("sum by (model) (rate(llm_tokens_total{$job}[5m]))", "{{model}}"),
                about="Tokens a second by model. Cost follows them within the hour.",
                trend=True,
                unit="tps",
            ),
            graph(
                "CPU and memory",
                ("rate(process_cpu_seconds_total{$job}[5m])", "CPU {{instance}}"),
                ("system:memory_ratio{$job}", "memory {{instance}}"),
                unit="percentunit",
                about="Share of one CPU and of the memory that each instance uses. Above 90 % queues grow.",
                limits=((0.8, "yellow"), (0.9, "red")),
            ),
            graph(
                "Experiments",
                ("ab_test_active_count{$job}", "active"),
                ("sum(rate(ab_test_assignments_total{$job}[5m]))", "assignments/s"),
                about="Experiments under way, and how many users a second are assigned to one.",
                trend=True,
            ),
        ),
        about="Whether the optimizer is well: start here, then look at streams and state.",
        variables=("instance", "environment"),
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
                    'sum by (pipeline) (rate(stream_events_received_total{$job, pipeline=~"$pipeline"}[5m]))',
                    "received {{pipeline}}",
                ),
                (
                    'sum by (pipeline) (rate(stream_events_processed_total{$job, pipeline=~"$pipeline"}[5m]))',
                    "processed {{pipeline}}",
                ),
                unit="ops",
                about="Both lines should lie on each other. Received above processed: add processing capacity.",
                trend=True,
            ),
            graph(
                "Processing Latency",
                (
                    'histogram_quantile(0.95, sum by (le, pipeline) (rate(stream_processing_duration_ms_bucket{$job, pipeline=~"$pipeline"}[5m])))',
                    "p95 {{pipeline}}",
                ),
                unit="ms",
                limits=((100, "red"),),
                about="How long one event takes in 95 of 100 cases. Above 100 ms the pipeline falls behind.",
            ),
            graph(
                "Backpressure Queue",
                (
                    'max by (pipeline) (stream_backpressure_queue_size{$job, pipeline=~"$pipeline"})',
                    "{{pipeline}}",
                ),
                limits=((500, "yellow"), (1000, "red")),
                about="Events that wait. Below 500 is normal, from 1,000 on events are about to be dropped.",
            ),
            graph(
                "Pipeline Lag",
                (
                    'max by (pipeline) (watermark_lag_ms{$job, pipeline=~"$pipeline"})',
                    "{{pipeline}}",
                ),
                unit="ms",
                limits=((5000, "yellow"), (30000, "red")),
                about="How far the watermark is behind real time. Below 5 s is normal; when high, review the watermark's configuration.",
            ),
            graph(
                "Dropped and late",
                (
                    'sum by (reason) (rate(stream_events_dropped_total{$job, pipeline=~"$pipeline"}[5m]))',
                    "dropped: {{reason}}",
                ),
                ('sum(rate(late_events_total{$job, pipeline=~"$pipeline"}[5m]))', "late"),
                unit="ops",
                about="Events that are lost, by reason, and those that came after their window. Both should be 0.",
                limits=((0.01, "yellow"), (1, "red")),
            ),
            graph(
                "Kafka consumer lag",
                ("max by (topic) (kafka_consumer_lag{$job})", "{{topic}}"),
                limits=((1000, "yellow"), (10000, "red")),
                about="Messages of each topic that were not read yet. From 1,000 on feedback is old, from 10,000 on decisions are.",
            ),
            graph(
                "Windows",
                ('window_active_count{$job, pipeline=~"$pipeline"}', "{{window_type}}"),
                about="Windows that are open, by type. A number that only grows means that none is closed.",
                trend=True,
            ),
        ),
        about="Whether events are processed as fast as they come; filter by pipeline to find the one that lags.",
        variables=("instance", "environment", "pipeline"),
    ),
    Board(
        "auto-optimizer-state",
        "Auto-Optimizer: State Backend",
        SYSTEM,
        JOB,
        (
            graph(
                "Operation Counts",
                (
                    'sum(rate(state_backend_get_total{$job, backend_type=~"$backend_type"}[5m]))',
                    "GET",
                ),
                (
                    'sum(rate(state_backend_put_total{$job, backend_type=~"$backend_type"}[5m]))',
                    "PUT",
                ),
                (
                    'sum(rate(state_backend_delete_total{$job, backend_type=~"$backend_type"}[5m]))',
                    "DELETE",
                ),
                unit="ops",
                about="Reads and writes a second. Their ratio says what to tune: the cache for reads, batches for writes.",
                trend=True,
            ),
            graph(
                "Operation Latency, p95",
                (
                    'histogram_quantile(0.95, sum by (le) (rate(state_backend_get_duration_ms_bucket{$job, backend_type=~"$backend_type"}[5m])))',
                    "GET",
                ),
                (
                    'histogram_quantile(0.95, sum by (le) (rate(state_backend_put_duration_ms_bucket{$job, backend_type=~"$backend_type"}[5m])))',
                    "PUT",
                ),
                (
                    'histogram_quantile(0.95, sum by (le) (rate(state_backend_delete_duration_ms_bucket{$job, backend_type=~"$backend_type"}[5m])))',
                    "DELETE",
                ),
                unit="ms",
                about="How long an operation takes in 95 of 100 cases. Reads belong below 10 ms, writes below 50 ms.",
                limits=((10, "yellow"), (50, "red")),
            ),
            graph(
                "Cache Hit Rate",
                "system:cache_hit_ratio:rate5m{$job}",
                unit="percentunit",
                limits=((0.8, "green"),),
                about="Share of reads that the cache answers. Below 80 %: a larger cache, or better locality of keys.",
            ),
            graph(
                "State Size",
                (
                    'sum by (namespace) (state_backend_size_bytes{$job, backend_type=~"$backend_type"})',
                    "{{namespace}}",
                ),
                unit="bytes",
                about="What is kept, by namespace. Rapid growth: review how long state is kept (TTL).",
                trend=True,
            ),
            graph(
                "Errors",
                (
                    'sum by (error_type) (rate(state_backend_errors_total{$job, backend_type=~"$backend_type"}[5m]))',
                    "{{error_type}}",
                ),
                unit="ops",
                about="Operations that failed, by type of error. More than one in ten seconds needs somebody.",
                limits=((0.01, "yellow"), (0.1, "red")),
            ),
            graph(
                "Checkpoints",
                (
                    'histogram_quantile(0.95, sum by (le) (rate(state_checkpoint_duration_ms_bucket{$job, backend_type=~"$backend_type"}[15m])))',
                    "p95",
                ),
                unit="ms",
                about="How long a checkpoint takes in 95 of 100 cases. After a crash work begins again at the last one.",
                limits=((30000, "yellow"), (60000, "red")),
            ),
            other(
                "table",
                "Checkpoint failures",
                (
                    'sum by (checkpoint_type) (increase(state_checkpoint_failures_total{$job, backend_type=~"$backend_type"}[1d]))',
                    "{{checkpoint_type}}",
                ),
                about="Checkpoints of the last day that failed, by type. Each one makes a restart lose more.",
                limits=((1, "red"),),
            ),
        ),
        about="Whether state is kept and read fast enough; filter by backend to compare them.",
        variables=("instance", "environment", "backend_type"),
    ),
)
