"""Random histories of one group of alerts, as the notifications an Alertmanager would send.

Firing, repeats, partial and full resolves, firing again, truncation, and stale echoes of a peer.
"""

import random
from typing import Any

from routing.alert import Alert

T0 = 1_772_445_600_000
"""2026-03-02T10:00:00Z in ms."""

Snapshot = tuple[Alert, ...]


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
            seen_firing=self.firing,
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
