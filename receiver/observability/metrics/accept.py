"""Which form of the page an Accept header asks for; it may say anything."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from receiver.observability.metrics.text import CONTENT_TYPE


def content_type_of(accept: str) -> str:
    """Return the Content-Type of the page for an Accept header; there are a few.

    Whoever takes both, as Prometheus does, gets plain text. OpenMetrics drops ``_total`` from a
    counter's family, so that Prometheus knows no metadata of the name that people look for.
    """
    return encoder(accept)[1] if is_open(accept) else CONTENT_TYPE


def is_open(accept: str) -> bool:
    """Return whether OpenMetrics is wanted, and plain text is not."""
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return "application/openmetrics-text" in kinds and "text/plain" not in kinds


def encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """Return the library's own way to write a page, and its Content-Type."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # A version that is no number fails in the library's comparison.
        return choose_encoder("")
