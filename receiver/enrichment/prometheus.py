"""What an alert's expression gives now and gave within the hour, and where to see its graph.

The expression is the one in the alert's generatorURL; one that compares gives something only while
it holds. Source: prometheus.io, "HTTP API" (instant and range queries), "Expression browser"
(parameters of /graph).
"""

import asyncio
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from receiver.enrichment.enricher import Finding
from receiver.enrichment.json_client import JsonClient
from receiver.errors import EnrichmentError
from routing.alert import Alert
from routing.incident import Incident
from routing.runbook import is_link

ALERTS_ASKED = 3
EXPRESSION_MAX = 8_000
TTL_S = 15.0
"""A value older than this is not "now" any more."""
COURSE_S, STEP_S = 3_600, 120
"""How far back its course is asked for, and how far apart its values are."""
_FRESH = "when it fired"


class PrometheusEnricher:
    """Evaluates the expressions of the most urgent alerts."""

    name = "prometheus"
    ttl = TTL_S

    def __init__(self, client: JsonClient, *, timeout: float) -> None:
        """``timeout``: seconds after which Prometheus itself gives a query up."""
        self._client = client
        self._timeout = timeout

    def may_find(self, incident: Incident) -> bool:
        """Return whether any alert has an expression."""
        return any(expression(alert.generator_url) for alert in incident.firing())

    def key(self, incident: Incident) -> str:
        """Return the alerts that have an expression, by fingerprint."""
        return " ".join(alert.fingerprint for alert in _asked(incident))

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return the current value of each; EnrichmentError when none could be asked."""
        asked = _asked(incident)
        values = asyncio.gather(*(self._value(alert) for alert in asked))
        # Of one alone: in a storm, what may be asked in a minute is for values.
        points = await self._course(asked[0], now) if asked else ()
        found = await values
        courses = [points, *[()] * len(found)]
        return [
            Finding(self.name, text, graph_url(alert.generator_url), now, course)
            for alert, text, course in zip(asked, found, courses, strict=False)
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _value(self, alert: Alert) -> str:
        query = expression(alert.generator_url)
        form = [("query", query), ("timeout", f"{self._timeout:g}s"), ("limit", "1000")]
        answer = await self._client.ask("POST", "/api/v1/query", form=form)
        value = value_of(answer, alert.labels)
        name = alert.labels.get("alertname", "alert")
        if value is None:
            return f"{name}: its expression gives nothing now"
        before = alert.annotations.get("value", "")[:40]
        return f"{name} is {_short(value)} now" + (f", {before} {_FRESH}" if before else "")

    async def _course(self, alert: Alert, now: int) -> tuple[float | None, ...]:
        """Return its values of the last hour, () where they are not known soon: they only adorn."""
        end = now // 1000
        form = [
            ("query", expression(alert.generator_url)),
            ("start", str(end - COURSE_S)),
            ("end", str(end)),
            ("step", str(STEP_S)),
            ("timeout", f"{self._timeout / 2:g}s"),
            ("limit", "1000"),
        ]
        try:
            async with asyncio.timeout(self._timeout / 2):
                answer = await self._client.ask("POST", "/api/v1/query_range", form=form)
            return course_of(answer, alert.labels, end - COURSE_S)
        except (EnrichmentError, TimeoutError):
            return ()


def _asked(incident: Incident) -> list[Alert]:
    firing = [alert for alert in incident.firing() if expression(alert.generator_url)]
    return firing[:ALERTS_ASKED]


def expression(generator_url: str) -> str:
    """Return the expression in a generatorURL of Prometheus, "" for any other one."""
    try:
        query = parse_qs(urlsplit(generator_url).query)
    except ValueError:
        return ""
    found = query.get("g0.expr", [""])[0]
    return found if len(found) <= EXPRESSION_MAX else ""


def graph_url(generator_url: str) -> str:
    """Return the graph of the last hour of that expression, "" where it cannot be a link."""
    parts = urlsplit(generator_url)
    shown = {"g0.expr": expression(generator_url), "g0.tab": "0", "g0.range_input": "1h"}
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(shown), ""))
    return url if is_link(url) else ""


def value_of(answer: Any, labels: Mapping[str, str]) -> float | None:
    """Return the value of the series these labels belong to, None for none.

    EnrichmentError for what is no answer of the API. A series may lack labels that the rule adds.
    """
    try:
        data = answer["data"]
        kind, result = data["resultType"], data["result"]
        rows = (
            [({}, result)]
            if kind == "scalar"
            else [(row["metric"], row["value"]) for row in result]
        )
        fitting = [
            (len(metric), float(value[1]))
            for metric, value in rows
            if all(labels.get(name) == text for name, text in metric.items() if name != "__name__")
        ]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise EnrichmentError("not an answer of Prometheus's API") from None
    return max(fitting)[1] if fitting else None


def course_of(answer: Any, labels: Mapping[str, str], start: int) -> tuple[float | None, ...]:
    """Return the values of the series these labels belong to, one a step from ``start`` (s) on.

    None where it had none; () where it never had one. EnrichmentError as of ``value_of``.
    """
    try:
        rows = [(row["metric"], row["values"]) for row in answer["data"]["result"]]
        fitting = [
            (len(metric), [(float(at), float(value)) for at, value in values])
            for metric, values in rows
            if all(labels.get(name) == text for name, text in metric.items() if name != "__name__")
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EnrichmentError("not an answer of Prometheus's API") from None
    found: list[float | None] = [None] * (COURSE_S // STEP_S + 1)
    for at, value in max(fitting)[1] if fitting else ():
        place = round((at - start) / STEP_S)
        if 0 <= place < len(found) and math.isfinite(value):
            found[place] = value
    return tuple(found) if any(value is not None for value in found) else ()


def _short(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"  # noqa: PLR2004 - digits
