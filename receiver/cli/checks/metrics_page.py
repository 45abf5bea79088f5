"""A page of metrics, read: families by name, and single values."""

import re
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from receiver.cli.checks.source import Answer, Source, SourceError, kind_of

_TYPED = re.compile(r"^# TYPE (\S+) counter", re.MULTILINE)
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404


class Page:
    """What one scrape says. ``families`` are by the name in ``# TYPE``."""

    def __init__(self, text: str) -> None:
        """Raise ValueError for a text that is no exposition."""
        self.families: dict[str, Metric] = {}
        printed = set(_TYPED.findall(text))
        for family in text_string_to_metric_families(text):
            # The parser takes ``_total`` off the name of a counter, and gives it to all samples.
            if family.type == "counter":
                bare = family.name in printed
                name = family.name if bare else f"{family.name}_total"
                family.samples = [sample._replace(name=name) for sample in family.samples]
                family.name = name
            # Without a ``# TYPE`` each line is a family of its own.
            known = self.families.setdefault(family.name, family)
            if known is not family:
                known.samples += family.samples
        if not any(family.samples for family in self.families.values()):
            raise ValueError("there is not one sample")

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        """Yield the samples of a name that have these labels."""
        for family in self.families.values():
            if name.startswith(family.name):
                for sample in family.samples:
                    if sample.name == name and labels.items() <= sample.labels.items():
                        yield sample

    def value(self, name: str, **labels: str) -> float | None:
        """Return the sum of these samples, None when there is none."""
        found = [sample.value for sample in self.samples(name, **labels)]
        return sum(found) if found else None

    @property
    def series(self) -> int:
        """How many samples there are."""
        return sum(len(family.samples) for family in self.families.values())


async def read_page(source: Source, path: str = "") -> Page:
    """Return the page of metrics at a path of a source; SourceError."""
    answer = await source.get(path)
    shown = f"{source.shown}{path}"
    if answer.status != _OK:
        raise SourceError(f"the metrics at {shown} answer {answer.status}: {_repair(answer)}")
    try:
        return Page(answer.text)
    except (ValueError, KeyError, IndexError) as error:
        what = kind_of(answer.text) if "<" in answer.text[:200] else f"text that is wrong: {error}"
        raise SourceError(
            f"{shown} answers {what} instead of metrics: is this the right address?"
        ) from None


def _repair(answer: Answer) -> str:
    if answer.status == _UNAUTHORIZED:
        return "give --metrics-token (web.metrics_token)"
    if answer.status == _NOT_FOUND:
        return "are they off (observability.prometheus_enabled), or elsewhere (--metrics-url)?"
    return kind_of(answer.text)
