"""The metrics of enrichment, and of the language model where one is configured."""

from receiver.observability.metrics.family import (
    Across,
    Closed,
    Family,
    counter,
    every,
    gauge,
    histogram,
)
from receiver.observability.metrics.response import Configured

ENRICHERS = ("runbook", "prometheus", "changes", "similar", "on_call", "summary")
STATUSES = ("success", "empty", "cached", "timeout", "error")
_BUCKETS = (0.01, 0.1, 0.5, 1, 5, 10)
_LLM_BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 30, 60)


def enrichment_families(config: Configured) -> tuple[Family, ...]:
    """Return what is counted of enrichers and of calls of the configured language model."""
    enricher = Closed(ENRICHERS)
    provider, model = Closed(config.llm[:1]), Closed(config.llm[1:])
    called = {"provider": provider, "model": model}
    return (
        counter(
            "enrichments_total",
            "Questions about incidents, by what became of them",
            {"enricher": enricher, "status": Closed(STATUSES)},
        ),
        histogram(
            "enrichment_duration_seconds",
            "Time taken by one question",
            {"enricher": enricher},
            _BUCKETS,
        ),
        gauge(
            "incident_manager_enrichment_cache_hit_rate",
            "Share of questions that the cache answered since the start",
            across=Across.MEAN,
        ),
        counter(
            "llm_requests_total",
            "Calls of a language model: started, then success or error",
            {**called, "status": Closed(("started", "success", "error"))},
        ),
        histogram(
            "llm_request_duration_seconds",
            "Time taken by one call of a language model",
            called,
            _LLM_BUCKETS,
        ),
        counter(
            "llm_tokens_used_total",
            "Tokens used, as the endpoint counts them",
            {**called, "type": Closed(("prompt", "completion"))},
        ),
        counter(
            "llm_cost_usd_total",
            "Cost in US dollars, from the tokens and the configured prices",
            called,
            every(config.llm[:1], config.llm[1:]),
        ),
    )
