"""What senders do that the configuration knows nothing of: said once a day, by health-check.

A severity that nobody listed, and an alert that always fires and that no heartbeat watches.
"""

import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from receiver.errors import StoreUnavailableError
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.intake.answer_shapes import HintList
from receiver.intake.heartbeats import Heartbeats
from receiver.observability.metrics.registry import Metrics
from receiver.store.hints import HintStore
from receiver.text.times import rfc3339
from routing.always_firing import REASON, is_heartbeat
from routing.assignment import Assignment
from routing.event import AlertsReceived
from routing.severity import shown

log = logging.getLogger("hints")

SEVERITY, HEARTBEAT, CLUSTER = "unknown_severity", "unwatched_heartbeat", "foreign_cluster"
AGAIN_MS = 600_000
"""How often the same is stored: it is repeated with every notification."""
REMEMBERED = 100
"""Within that time; made-up words beyond it are counted alone."""


class Hints:
    """Notes what is worth a hint, and lists it."""

    def __init__(
        self,
        store: HintStore,
        assignment: Callable[[], Assignment],
        heartbeats: Heartbeats,
        metrics: Metrics,
        now: Callable[[], int],
    ) -> None:
        """``now()`` gives the time in ms."""
        self._store = store
        self._assignment = assignment
        self._heartbeats = heartbeats
        self._metrics = metrics
        self._now = now
        self._noted: dict[tuple[str, str], int] = {}

    async def note(
        self, source: str, severities: Mapping[str, int], events: Iterable[AlertsReceived]
    ) -> list[str]:
        """Note what a notification shows; return the names of heartbeats that nobody watches.

        ``severities``: how many alerts have each. Advice alone: what cannot be stored now comes
        again, and fails no alert.
        """
        knows = self._assignment().knows_severity
        unknown = {word: number for word, number in severities.items() if not knows(word)}
        if unknown:
            self._metrics.unknown_severity(source, sum(unknown.values()))
        names = [
            alert.labels["alertname"]
            for event in events
            for alert in event.alerts
            if alert.priority_reason == REASON and is_heartbeat(alert.labels["alertname"])
        ]
        if not unknown and not names:
            return []
        found = {(SEVERITY, shown(word)) for word in unknown}
        await self._keep(found | {(HEARTBEAT, shown(name)) for name in names})
        return list(dict.fromkeys(names))

    async def foreign(self, cluster: str) -> None:
        """Note that somebody sent alerts as of a cluster that belongs to another credential."""
        await self._keep({(CLUSTER, shown(cluster))})

    async def _keep(self, hints: set[tuple[str, str]]) -> None:
        now = self._now()
        new = {hint for hint in hints if not 0 <= now - self._noted.get(hint, -AGAIN_MS) < AGAIN_MS}
        if not new:
            return
        if len(self._noted) + len(new) > REMEMBERED:
            self._noted = {hint: at for hint, at in self._noted.items() if now - at < AGAIN_MS}
            new = set(sorted(new)[: REMEMBERED - len(self._noted)])
        self._noted |= dict.fromkeys(new, now)
        for kind, name in new:
            log.warning("%s: %s", _TEXTS[kind], json.dumps(name))
        if new:
            with contextlib.suppress(StoreUnavailableError):
                await self._store.note(new, now)

    @serves("GET", "/v1/hints", Who.VIEWER, spec=Spec({200: HintList}))
    async def listed(self, _request: web.Request) -> web.Response:
        """GET /v1/hints: what was seen within seven days, and what to write about it."""
        rows = await self._store.seen(self._now())
        return web.json_response(
            {
                "hints": [
                    {
                        "kind": kind,
                        "name": name,
                        "last_seen_at": rfc3339(at),
                        "text": f"{_TEXTS[kind]}: {name}",
                        "configuration": _ADVICE[kind](name),
                    }
                    for kind, name, at in rows
                    if kind in _TEXTS and not self._is_settled(kind, name)
                ]
            }
        )

    def _is_settled(self, kind: str, name: str) -> bool:
        """Return whether it was configured since."""
        if kind == SEVERITY:
            return self._assignment().knows_severity(name)
        if kind == CLUSTER:
            return False
        return self._heartbeats.watches(name)


def _severity_advice(name: str) -> str:
    return f"classify: {{severities: {{{json.dumps(name)}: P3}}}}"


def _heartbeat_advice(name: str) -> str:
    matcher = f"alertname={json.dumps(name)}".replace("'", "''")
    own = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-") or "watchdog"
    return f"heartbeats: {{{own}: {{interval: 5m, matchers: ['{matcher}']}}}}"


def _cluster_advice(name: str) -> str:
    return f"web: {{credentials: [{{name: ..., cluster: {json.dumps(name)}}}]}} of who sends them"


_TEXTS = {
    SEVERITY: "a severity that is not known, and so at least P2",
    HEARTBEAT: "an alert that always fires, and that no heartbeat watches",
    CLUSTER: "alerts sent as of a cluster that belongs to another credential, taken as of none",
}
_ADVICE = {SEVERITY: _severity_advice, HEARTBEAT: _heartbeat_advice, CLUSTER: _cluster_advice}
