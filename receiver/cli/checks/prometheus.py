"""Asks Prometheus: its HTTP API (prometheus.io/docs, "HTTP API"), as values and plain words."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from receiver.cli.checks.source import Source, SourceError


class Sample(NamedTuple):
    """One series of an answer, at one time."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """One Prometheus, or what speaks as it does."""

    def __init__(self, source: Source) -> None:
        self.source = source

    async def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return the samples of an instant query that are numbers; ``at`` in s since the epoch.

        NaN (0 divided by 0: nothing happened) and infinity are no figures and are left out.
        SourceError.
        """
        params = {"query": expression}
        if at is not None:
            params["time"] = f"{at:.3f}"
        data = await self._data("query", params)
        try:
            if data["resultType"] != "vector":
                raise SourceError(f"Prometheus answers a {data['resultType']} to {expression}")
            samples = [
                Sample(dict(row["metric"]), float(row["value"][1])) for row in data["result"]
            ]
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._odd("query") from None
        return [sample for sample in samples if math.isfinite(sample.value)]

    async def value(self, expression: str, at: float | None = None) -> float | None:
        """Return the value of a query that gives one series, None when it gives none."""
        samples = await self.query(expression, at)
        return samples[0].value if samples else None

    async def rules(self) -> list[dict[str, Any]]:
        """Return the groups of rules that are loaded."""
        return self._rows(await self._data("rules"), "groups", "rules")

    async def targets(self) -> list[dict[str, Any]]:
        """Return the targets that are scraped."""
        return self._rows(
            await self._data("targets", {"state": "active"}), "activeTargets", "targets"
        )

    async def alertmanagers(self) -> list[dict[str, Any]]:
        """Return the Alertmanagers it sends to."""
        return self._rows(await self._data("alertmanagers"), "activeAlertmanagers", "alertmanagers")

    async def metadata(self) -> dict[str, list[dict[str, str]]]:
        """Return type and help of every metric its targets expose."""
        data = await self._data("metadata")
        if not isinstance(data, dict):
            raise self._odd("metadata")
        return data

    async def names(self, job: str) -> set[str]:
        """Return the names of the series of a job."""
        data = await self._data("label/__name__/values", {"match[]": f'{{job="{job}"}}'})
        if not isinstance(data, list):
            raise self._odd("label/__name__/values")
        return {str(name) for name in data}

    async def _data(self, what: str, params: Mapping[str, str] | None = None) -> Any:
        body = await self.source.json(f"/api/v1/{what}", params)
        if not isinstance(body, dict) or body.get("status") != "success":
            raise self._odd(what)
        return body.get("data")

    def _rows(self, data: Any, name: str, what: str) -> list[dict[str, Any]]:
        rows = data.get(name) if isinstance(data, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._odd(what)
        return rows

    def _odd(self, what: str) -> SourceError:
        words = f"{self.source.name} at {self.source.shown} answers /api/v1/{what} with JSON that"
        return SourceError(f"{words} is not Prometheus's: is this the right address?")
