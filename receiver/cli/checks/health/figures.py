"""What the service's figures say of its health."""

from typing import Any

from receiver.cli.checks.finding import Finding, State, judged
from receiver.cli.checks.health.metrics import AREA
from receiver.cli.checks.source import Source
from receiver.text.units import counted, size

ERROR_PERCENT = 5.0
"""Of an integration's requests, as the rule HighErrorRate."""
SLOW_MS = 2_000
"""P95 of an integration, as the rule HighLatency."""
HIT_RATE, HIT_RATE_FROM = 0.5, 10_000
"""A cache's hit rate, once it was asked so often."""
SHARED_LIST = "incident-manager incidents list"


async def figures(source: Source) -> list[Finding]:
    """Read yesterday and today (UTC): a check in the morning looks back at the night."""
    body = await source.json("/v1/figures", {"days": "2"})
    lost = sum(row["undeliverable"] for row in body["priorities"])
    missed = sum(row["missed"] for row in body["priorities"])
    met = sum(row["met"] for row in body["priorities"])
    return [
        judged(
            AREA,
            "undeliverable",
            lost,
            f"{counted(lost, 'incident')} reached nobody since yesterday",
            fail=0,
            limit="0",
            advice="runbook DeliveryFailing",
        ),
        judged(
            AREA,
            "deadlines",
            missed,
            f"{missed} missed and {met} met since yesterday",
            warn=0,
            limit="0 missed",
            advice=f"{SHARED_LIST} --state all",
        ),
    ]


async def integrations(source: Source) -> list[Finding]:
    """Yield what the calls of integrations say."""
    body = await source.json("/v1/metrics/integrations")
    return [_integration(row) for row in body["integrations"]]


def _integration(row: dict[str, Any]) -> Finding:
    name, total = f"integration {row['integration']}", row["requests_total"]
    if not total:
        return Finding(AREA, name, "ok", "no request since the start")
    failed = 100 - row["success_rate_percent"]
    p95 = row["latency_milliseconds"]["p95"]
    words = f"{counted(total, 'request')}, {failed:.3g} % failed, P95 {p95:.0f} ms"
    state: State = "warning" if failed > ERROR_PERCENT or p95 > SLOW_MS else "ok"
    advice = "runbook HighErrorRate" if failed > ERROR_PERCENT else "runbook HighLatency"
    limit = f"{ERROR_PERCENT:g} %, {SLOW_MS} ms"
    return Finding(AREA, name, state, words, limit, "" if state == "ok" else advice)


async def caches(source: Source) -> list[Finding]:
    """Yield caches that hit too seldom."""
    found = []
    for name, row in (await source.json("/v1/metrics/caches"))["caches"].items():
        asked, rate = row["hits"] + row["misses"], row["hit_rate"]
        words = f"{counted(row['entries'], 'entry')}, {size(row['size_bytes'])}"
        words += (
            f", {rate:.0%} of {counted(asked, 'look-up')} hit"
            if rate is not None
            else ", not asked yet"
        )
        low = rate is not None and rate < HIT_RATE and asked >= HIT_RATE_FROM
        state: State = "warning" if low else "ok"
        found.append(Finding(AREA, f"cache {name}", state, words, f"{HIT_RATE:.0%}"))
    return found


async def shared(source: Source) -> list[Finding]:
    """One alert that came by two ways made two incidents, and two pages."""
    body = await source.json("/v1/shared-alerts")
    found = list(body["shared_alerts"])
    if not found:
        return [Finding(AREA, "shared alerts", "ok", "no alert is in two open incidents")]
    older, *younger = found[0]["incidents"]
    ids = ", ".join(one["id"] for one in found[0]["incidents"])
    words = f"{counted(found[0]['alerts'], 'alert')} ({found[0]['alertname']}) in {ids}"
    if body["total"] > 1:
        words += f", and the like {body['total'] - 1} more times"
    advice = f"incident-manager incidents merge {younger[0]['id']} {older['id']}"
    advice += "; check-config --alertmanager FILE says where it is sent twice"
    return [Finding(AREA, "shared alerts", "warning", words, advice=advice)]
