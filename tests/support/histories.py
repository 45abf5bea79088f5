"""Random histories of one group of alerts, as the notifications an Alertmanager would send.

Firing, repeats, partial and full resolves, firing again, truncation, and stale echoes of a peer.
``history`` is what a sender plausibly tells, ``TELLINGS`` is anything at all; ``expected`` says
what either must end in, whatever the order.
"""

import random
from collections import defaultdict
from typing import Any

from hypothesis import strategies as st

from routing.alert import Alert

T0 = 1_772_445_600_000
"""2026-03-02T10:00:00Z in ms."""

Snapshot = tuple[Alert, ...]
Shape = tuple[tuple[tuple[str, int, bool, int], ...], str, str]
"""Alerts (fingerprint, startsAt, resolved, endsAt), state and priority: what an incident is."""


class _Source:
    """One alert's life at the monitoring side."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.fingerprint = f"{number:016x}"
        self.chance = chance
        self.starts_at = 0
        self.ends_at = 0

    @property
    def firing(self) -> bool:
        return bool(self.starts_at and not self.ends_at)

    def turn(self, now: int) -> None:
        if self.firing:
            self.ends_at = now
        else:
            self.starts_at, self.ends_at = now, 0

    def alert(self) -> Alert:
        """Return a copy; its value, and so its priority, differs from copy to copy."""
        urgent = self.chance.random() < 0.3
        return Alert(
            fingerprint=self.fingerprint,
            labels={"alertname": "Checkout", "severity": "warning", "instance": self.fingerprint},
            annotations={"summary": "errors", "value": "0.09" if urgent else "0.01"},
            starts_at=self.starts_at,
            resolved=not self.firing,
            ends_at=self.ends_at,
            priority="P1" if urgent else "P3",
            priority_reason="rule 'many errors'" if urgent else "severity warning",
        )


def history(seed: int) -> list[Snapshot]:
    """Return the notifications of one group, oldest first; the same for the same seed."""
    chance = random.Random(seed)
    sources = [_Source(number, chance) for number in range(1, chance.randint(2, 5))]
    told: list[Snapshot] = []
    for step in range(chance.randint(2, 7)):
        now = T0 + step * 60_000
        for source in sources:
            if chance.random() < (0.9 if step == 0 else 0.4):
                source.turn(now)
        # A snapshot: what fires, and what has resolved since the last one.
        shown = [
            source.alert()
            for source in sources
            if source.firing or (source.ends_at and source.ends_at >= now - 60_000)
        ]
        if len(shown) > 1 and chance.random() < 0.15:
            shown = shown[: chance.randint(1, len(shown) - 1)]
        if shown:
            told.append(tuple(shown))
        if told and chance.random() < 0.25:
            told.append(chance.choice(told))
    return told or [(sources[0].alert(),)] if sources[0].starts_at else told


def shuffled(told: list[Snapshot], seed: int) -> list[Snapshot]:
    """Return the same notifications in another order, some of them more than once."""
    chance = random.Random(seed)
    again = told + [snapshot for snapshot in told if chance.random() < 0.4]
    chance.shuffle(again)
    return again


def _copy(fingerprint: str, start: int, end: int, priority: str) -> Alert:
    return Alert(
        fingerprint=fingerprint,
        labels={"alertname": f"Alert{fingerprint}"},
        annotations={"value": priority},
        starts_at=T0 + start * 1000,
        resolved=end > 0,
        ends_at=T0 + (start + end) * 1000 if end else 0,
        priority=priority,
        priority_reason=f"rule for {priority}",
    )


COPIES: st.SearchStrategy[Alert] = st.builds(
    _copy,
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 2),
    st.sampled_from([0, 0, 1, 2]),
    st.sampled_from(["P1", "P3", "P4"]),
)
"""Copies of three alerts that started up to three times: firing, or resolved sooner or later."""
SNAPSHOTS: st.SearchStrategy[Snapshot] = st.lists(
    COPIES, min_size=1, max_size=3, unique_by=lambda alert: alert.fingerprint
).map(tuple)
TELLINGS = st.lists(SNAPSHOTS, min_size=1, max_size=6)
"""Notifications that need not make sense together: what is left after losses and partitions."""
HISTORIES = st.builds(history, st.integers(0, 10**9)).filter(bool)


def expected(told: list[Snapshot]) -> Shape:
    """Return what one group's notifications end in at a fixed time, whatever their order.

    Written without a look at the code it judges: of each alert what began after its last end fires,
    and is as urgent as the most urgent copy of it. One that is over is as urgent as the copies of
    what ended last.
    """
    copies: dict[str, list[Alert]] = defaultdict(list)
    for snapshot in told:
        for alert in snapshot:
            copies[alert.fingerprint].append(alert)
    alerts: list[tuple[str, int, bool, int]] = []
    firing: list[str] = []
    over: list[str] = []
    for fingerprint, known in sorted(copies.items()):
        ends = sorted({alert.ends_at for alert in known if alert.resolved})
        last = [alert for alert in known if not ends or alert.starts_at > ends[-1]]
        if last:
            alerts.append((fingerprint, max(alert.starts_at for alert in last), False, 0))
            firing.append(min(alert.priority for alert in last))
            continue
        before = ends[-2] if len(ends) > 1 else 0
        last = [alert for alert in known if alert.starts_at > before] or known
        alerts.append((fingerprint, max(alert.starts_at for alert in known), True, ends[-1]))
        over.append(min(alert.priority for alert in last))
    if firing:
        return tuple(alerts), "triggered", min(firing)
    if any(not alert.resolved for snapshot in told for alert in snapshot):
        return tuple(alerts), "resolved", min(over)
    return tuple(alerts), "tombstone", "P4"


def payload(snapshot: Snapshot, group: str) -> dict[str, Any]:
    """Return a notification as Alertmanager's JSON."""
    alerts = [
        {
            "status": "resolved" if alert.resolved else "firing",
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": _time(alert.starts_at),
            "endsAt": _time(alert.ends_at) if alert.resolved else "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": alert.fingerprint,
        }
        for alert in snapshot
    ]
    return {
        "version": "4",
        "groupKey": f'{{}}:{{group="{group}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if any(not alert.resolved for alert in snapshot) else "resolved",
        "receiver": "incident-manager",
        "groupLabels": {"group": group},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": alerts,
    }


def _time(at: int) -> str:
    minutes, rest = divmod((at - T0) // 1000, 60)
    return f"2026-03-02T10:{minutes:02d}:{rest:02d}Z"
