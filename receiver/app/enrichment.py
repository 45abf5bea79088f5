"""Makes the configured enrichers."""

from collections.abc import Callable, Collection, Iterable

from receiver.enrichment.changes import ChangeEnricher, Elsewhere
from receiver.enrichment.config import EnrichmentConfig, PrometheusConfig, SummaryConfig
from receiver.enrichment.enricher import Enricher
from receiver.enrichment.json_client import JsonClient
from receiver.enrichment.metrics import Counting
from receiver.enrichment.on_call import OnCallEnricher
from receiver.enrichment.prometheus import PrometheusEnricher
from receiver.enrichment.run import Enrichment
from receiver.enrichment.runbook import RunbookEnricher
from receiver.enrichment.similar import SimilarEnricher
from receiver.enrichment.summary import Summarizer
from receiver.http_client import authorization
from receiver.notify.notifier import Person
from receiver.observability.metrics.registry import Metrics
from receiver.store.changes import ChangeStore
from receiver.store.incidents import IncidentStore


def build_enrichment(  # noqa: PLR0913 - the sources it puts together
    config: EnrichmentConfig,
    *,
    metrics: Metrics,
    store: IncidentStore,
    changes: ChangeStore,
    changes_elsewhere: Elsewhere | None,
    read_runbook: Callable[[str, int], bytes | None],
    people: Callable[[Iterable[str]], tuple[Person, ...]],
    notifiers: Collection[str],
    base_url: str,
) -> Enrichment:
    """Return the enrichment; ``base_url``: where this service is seen, without a slash."""
    ttl = config.cache_ttl_secs
    counting = Counting(metrics, config.summary.provider, config.summary.model or "")
    enrichers: list[Enricher] = [
        *_prometheus(config.prometheus, config.timeout_secs),
        ChangeEnricher(changes, config.changes_within, changes_elsewhere),
        SimilarEnricher(store, lambda incident: f"{base_url}/incidents/{incident}", ttl),
        RunbookEnricher(read_runbook, base_url, ttl),
        OnCallEnricher(people, notifiers),
    ]
    return Enrichment(
        enrichers if config.enabled else (),
        _summarizer(config.summary, counting),
        counting,
        timeout=config.timeout_secs,
        most=config.cache_max_size,
    )


def _prometheus(config: PrometheusConfig, timeout: float) -> list[Enricher]:
    if config.url is None:
        return []
    headers = authorization(config.token, config.username, config.password)
    client = JsonClient(config.url, headers, timeout=timeout, per_minute=config.per_minute)
    return [PrometheusEnricher(client, timeout=timeout)]


def _summarizer(config: SummaryConfig, counting: Counting) -> Summarizer | None:
    if config.url is None:
        return None
    headers = authorization(config.token, None, None)
    client = JsonClient(
        config.url,
        headers,
        timeout=config.timeout_secs,
        connections=4,
        per_minute=config.per_minute,
    )
    prices = (config.prompt_price, config.completion_price)
    return Summarizer(client, config.model or "", prices, counting)
