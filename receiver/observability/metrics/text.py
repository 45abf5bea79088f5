"""The page of metrics as text, in Prometheus's own format (0.0.4).

As prometheus_client writes it, to the byte. What a series is called is put together once and kept:
nearly all of a page is the same from one scrape to the next.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
KEPT_MAX = 50_000
"""Names kept, far more than a page has lines."""
_TYPES = {"counter": ("_total", "counter"), "info": ("_info", "gauge"), "gauge": ("", "gauge")}
_TYPES |= {"histogram": ("", "histogram"), "summary": ("", "summary")}
_ELSEWHERE = ("_created", "_gsum", "_gcount")
"""Samples that the library writes in a place of their own."""


class TextPage:
    """Writes a registry as text."""

    def __init__(self) -> None:
        self._names: dict[tuple[object, ...], str] = {}

    def render(self, registry: CollectorRegistry) -> bytes:
        """Return the page. Takes some 3 ms a thousand lines: not for the event loop."""
        lines = list(self._lines(registry))
        # What has a form of its own (we have none of it) is left to the library.
        return generate_latest(registry) if None in lines else "".join(filter(None, lines)).encode()

    def _lines(self, registry: CollectorRegistry) -> Iterator[str | None]:
        for metric in registry.collect():
            suffix, kind = _TYPES.get(metric.type, ("", ""))
            if not kind:
                yield None
                return
            text = metric.documentation.replace("\\", r"\\").replace("\n", r"\n")
            yield f"# HELP {metric.name}{suffix} {text}\n# TYPE {metric.name}{suffix} {kind}\n"
            for sample in metric.samples:
                if sample.timestamp is not None or sample.name.endswith(_ELSEWHERE):
                    yield None
                    return
                yield f"{self._name(sample)} {_number(sample.value)}\n"

    def _name(self, sample: Sample) -> str:
        """Return what a series is called, with its labels."""
        key = (sample.name, *sample.labels.items())
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= KEPT_MAX:
                self._names.clear()
            labels = ",".join(f'{k}="{_escaped(v)}"' for k, v in sorted(sample.labels.items()))
            name = self._names[key] = f"{sample.name}{{{labels}}}" if labels else sample.name
        return name


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
