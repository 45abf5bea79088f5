"""The metrics of enrichment: what is there before the first question, with and without a model."""

import pytest
from prometheus_client import CollectorRegistry

from receiver.observability.metrics.enrichment import ENRICHERS, STATUSES, enrichment_families
from receiver.observability.metrics.family import Family
from receiver.observability.metrics.response import Configured
from receiver.observability.metrics.series import Bound

LLM = ("openai", "small")


def families(llm: tuple[str, ...] = ()) -> dict[str, Family]:
    config = Configured((), (), (), {}, llm=llm)
    return {family.name: family for family in enrichment_families(config)}


def test_without_a_model_no_series_of_one_is_there() -> None:
    found = families()
    names = [name for name, family in found.items() if name.startswith("llm") and family.first]
    assert names == []
    assert len(found["enrichments_total"].first) == len(ENRICHERS) * len(STATUSES)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("llm_requests_total", {(*LLM, word) for word in ("started", "success", "error")}),
        ("llm_request_duration_seconds", {LLM}),
        ("llm_tokens_used_total", {(*LLM, "prompt"), (*LLM, "completion")}),
        ("llm_cost_usd_total", {LLM}),
        ("incident_manager_enrichment_cache_hit_rate", {()}),
    ],
)
def test_with_a_model_each_of_its_series_is_there_at_zero(
    name: str, first: set[tuple[str, ...]]
) -> None:
    family = families(LLM)[name]
    assert set(family.first) == first
    registry = CollectorRegistry()
    Bound(family, registry)
    assert {
        sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    } == {0}


def test_cost_is_counted_in_parts_of_a_dollar() -> None:
    registry = CollectorRegistry()
    made = Bound(families(LLM)["llm_cost_usd_total"], registry)
    for _ in range(3):
        made[LLM](0.0005)
    labels = {"provider": "openai", "model": "small"}
    assert registry.get_sample_value("llm_cost_usd_total", labels) == pytest.approx(0.0015)


def test_another_model_than_the_configured_counts_as_other() -> None:
    registry = CollectorRegistry()
    made = Bound(families(LLM)["llm_tokens_used_total"], registry)
    made["openai", "large\ud800", "prompt"](12)
    labels = {"provider": "openai", "model": "other", "type": "prompt"}
    assert registry.get_sample_value("llm_tokens_used_total", labels) == 12


@pytest.mark.parametrize(("seconds", "below"), [(30, "30.0"), (30.001, "60.0"), (600, "+Inf")])
def test_a_slow_model_is_told_from_a_hung_one(seconds: float, below: str) -> None:
    registry = CollectorRegistry()
    Bound(families(LLM)["llm_request_duration_seconds"], registry)[LLM](seconds)
    found = {
        sample.labels["le"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    }
    assert next(le for le, number in found.items() if number) == below
