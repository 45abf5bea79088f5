"""Counts questions and calls in the metrics of the service."""

from receiver.observability.metrics.registry import Metrics


class Counting:
    """Where enrichers and the language model are counted."""

    def __init__(self, metrics: Metrics, provider: str, model: str) -> None:
        self._metrics = metrics
        self._llm = {"provider": provider, "model": model}

    def enriched(self, enricher: str, status: str, seconds: float) -> None:
        """Count a question by what became of it; ``seconds`` are not observed of a cached one."""
        labels = {"enricher": enricher}
        self._metrics.observe("enrichments_total", 1, {**labels, "status": status})
        if status != "cached":
            self._metrics.observe("enrichment_duration_seconds", seconds, labels)

    def llm_called(self, status: str) -> None:
        """Count a call: started, then success or error."""
        self._metrics.observe("llm_requests_total", 1, {**self._llm, "status": status})

    def llm_answered(self, seconds: float, prompt: int, completion: int, cost: float) -> None:
        """Count what a successful call took: time, tokens, US dollars."""
        self._metrics.observe("llm_request_duration_seconds", seconds, self._llm)
        for kind, tokens in (("prompt", prompt), ("completion", completion)):
            self._metrics.observe("llm_tokens_used_total", tokens, {**self._llm, "type": kind})
        self._metrics.observe("llm_cost_usd_total", cost, self._llm)
