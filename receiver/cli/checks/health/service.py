"""The daily look at this service itself: what it says of its parts, and what it counts."""

import time
from datetime import UTC, datetime
from typing import Any

from receiver.cli.checks.finding import Finding, State, judged
from receiver.cli.checks.health.figures import SHARED_LIST, caches, figures, integrations, shared
from receiver.cli.checks.health.metrics import AREA, from_page
from receiver.cli.checks.metrics_page import read_page
from receiver.cli.checks.source import OTHER_FORM, Source, SourceError
from receiver.text.units import span
from routing.alert import PRIORITIES

DAY_S = 86_400
LOOKED_AT = 1_000
"""Open incidents, the most urgent, among which those nobody reports are counted."""
FINE = ("ok", "off", "waiting for the first")


async def check_service(source: Source, metrics: Source, storage_limit: int) -> list[Finding]:
    """Look at the service and at its metrics; ``storage_limit`` in bytes.

    The rest is not asked when nothing answers: one line says more than twenty that repeat it.
    """
    try:
        found = await _alive(source)
    except SourceError as error:
        return [Finding(AREA, "service", "failed", str(error), advice="start it, see its log")]
    found += await _health(source)
    try:
        found += from_page(await read_page(metrics), storage_limit)
    except SourceError as error:
        found.append(Finding(AREA, "metrics", "failed", str(error)))
    for name, ask in _QUESTIONS:
        try:
            found += await ask(source)
        except SourceError as error:
            found.append(_unasked(name, error))
        except OTHER_FORM:
            words = "the answer is JSON of another form: is the service of another version?"
            found.append(Finding(AREA, name, "unknown", words))
    return found


def _unasked(name: str, error: SourceError) -> Finding:
    advice = "give --token (web.credentials)" if " 401 " in str(error) else ""
    return Finding(AREA, name, "unknown", str(error), advice=advice)


async def _alive(source: Source) -> list[Finding]:
    alive = await source.get("/-/healthy")
    if alive.status != 200 or alive.text.strip() != "healthy":  # noqa: PLR2004 - HTTP
        words = f"{source.shown}/-/healthy answers {alive.status} and is not this service's"
        raise SourceError(f"{words}: is this the right address?")
    ready = await source.get("/-/ready")
    state: State = "ok" if ready.status == 200 else "failed"  # noqa: PLR2004 - HTTP
    advice = "" if state == "ok" else "see /health and the log; alerts wait at Alertmanager"
    return [
        Finding(AREA, "service", "ok", f"answers within {span(alive.took)}"),
        Finding(AREA, "ready", state, ready.text.strip(), "ready", advice),
    ]


async def _health(source: Source) -> list[Finding]:
    """Read /health, which answers 503 with the same JSON when something is wrong."""
    try:
        return _of_health(source.parse(await source.get("/health"), "/health"))
    except SourceError as error:
        return [_unasked("health", error)]
    except OTHER_FORM:
        words, advice = (
            "/health has no components, notifiers and problems",
            "give --token (web.credentials)",
        )
        return [Finding(AREA, "health", "unknown", words, advice=advice)]


def _of_health(body: Any) -> list[Finding]:
    parts, notifiers = dict(body["components"]), dict(body["notifiers"])
    problems = list(body["problems"])
    found = [_problem(row) for row in problems]
    # What a server may lose that was taken knowingly is shown, and no news each morning; what is
    # wrong with it is among the problems.
    durability = parts.pop("durability", "ok")
    if "durability" not in [row["subject"] for row in problems]:
        found.append(Finding(AREA, "durability", "ok", str(durability)))
    for name, words in parts.items():
        state: State = "ok" if words in FINE else ("failed" if name == "redis" else "warning")
        advice = "" if state == "ok" else _COMPONENTS.get(name, "see the log")
        found.append(Finding(AREA, name.replace("_", " "), state, str(words), "ok", advice))
    found += _security([str(words) for words in body.get("security", ())])
    for name, how in notifiers.items():
        if how.get("state") == "ok":
            found.append(Finding(AREA, f"notifier {name}", "ok", "its last attempts succeeded"))
        elif how.get("state") == "untried":
            words = f"not tried: {how.get('untried') or 'nothing was to be delivered yet'}"
            found.append(Finding(AREA, f"notifier {name}", "ok", words))
        else:
            words = f"every attempt fails since {how.get('since')}: {how.get('problem')}"
            advice = "repair what it says; runbook NotifierDown"
            found.append(Finding(AREA, f"notifier {name}", "failed", words, advice=advice))
    return found


def _security(said: list[str]) -> list[Finding]:
    """Say what of credentials is weak, can be read by others, or is not used."""
    if not said:
        words = "no secret is known to be weak, open to others, or unused"
        return [Finding(AREA, "credentials", "ok", words)]
    advice = "incident-manager check-config says where"
    return [Finding(AREA, "credentials", "warning", words, advice=advice) for words in said]


def _problem(row: dict[str, Any]) -> Finding:
    state: State = "failed" if row["unready"] else "warning"
    words = f"since {row['since']}: {row['problem']}"
    return Finding(AREA, row["subject"].replace("_", " "), state, words, advice="see the log")


_COMPONENTS = {
    "redis": "runbook RedisDown; nothing is accepted until it answers",
    "slack_socket": "incident-manager slack check",
    "outgoing_heartbeat": "whoever waits for it will say that this service is dead",
}


async def _incidents(source: Source) -> list[Finding]:
    """Open P1 and P2 that nobody has taken are what a morning starts with."""
    counts = {name: await _count(source, priority=name) for name in PRIORITIES}
    waiting = await _count(source, priority="P1,P2", state="triggered")
    rows = (await source.json("/v1/incidents", {"limit": str(LOOKED_AT)}))["incidents"]
    words = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"
    if waiting:
        words += f"; nobody has taken {waiting} of P1 and P2"
    stale = sum(bool(row["stale_since"]) for row in rows)
    of = f" of the {LOOKED_AT} most urgent" if len(rows) == LOOKED_AT else ""
    words += f"; {stale}{of} not reported any more" if stale else ""
    state: State = "warning" if waiting else "ok"
    return [Finding(AREA, "open incidents", state, words, advice=SHARED_LIST if waiting else "")]


async def _count(source: Source, **filters: str) -> int:
    """Return how many incidents a list has."""
    return int((await source.json("/v1/incidents", {"limit": "1", **filters}))["total"])


async def _dead_letters(source: Source) -> list[Finding]:
    body = await source.json("/v1/dead-letters", {"limit": "1000"})
    since = time.time() - DAY_S
    recent = [row for row in body["dead_letters"] if _seconds(row["at"]) >= since]
    words = f"{len(recent)} in the last 24 hours"
    if recent:
        words += f", the last one: {recent[0]['reason']}"
    advice = "incident-manager dead-letters list"
    return [judged(AREA, "dead letters", len(recent), words, warn=0, limit="0", advice=advice)]


async def _hints(source: Source) -> list[Finding]:
    """Say what senders do that the configuration knows nothing of."""
    rows = (await source.json("/v1/hints"))["hints"]
    return [
        _hinted("severities", [row for row in rows if row["kind"] == "unknown_severity"]),
        _hinted("heartbeats", [row for row in rows if row["kind"] == "unwatched_heartbeat"]),
    ]


def _hinted(name: str, rows: list[dict[str, Any]]) -> Finding:
    words, fine, advice = _HINTS[name]
    if not rows:
        return Finding(AREA, name, "ok", fine)
    names = ", ".join(str(row["name"]) for row in rows[:HINTED])
    more = f" and {len(rows) - HINTED} more" if len(rows) > HINTED else ""
    text = f"{words} within 7 days: {names}{more}"
    return Finding(AREA, name, "warning", text, advice=f"{advice} {rows[0]['configuration']}")


HINTED = 10
_HINTS = {
    "severities": (
        "not known, so at least P2,",
        "every severity of the last 7 days is known",
        "say what it means:",
    ),
    "heartbeats": (
        "always firing, and watched by no heartbeat,",
        "nothing that always fires goes unwatched",
        "watch it:",
    ),
}


_QUESTIONS = (
    ("open incidents", _incidents),
    ("shared alerts", shared),
    ("dead letters", _dead_letters),
    ("hints", _hints),
    ("figures", figures),
    ("integrations", integrations),
    ("caches", caches),
)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
