"""Notifications for load: Alertmanager's shape, about 1.6 KB with one alert.

Alerts of different groups differ in their labels, as Alertmanager knows alerts by them.
"""

import json
from collections.abc import Iterator
from random import Random
from zlib import crc32

_NOTE = (
    "The share of failed requests of this instance has been above its threshold for five minutes; "
    "customers see errors at checkout. Look at the newest deployment and at the payment provider."
)


def _alert(group: str, number: int, part: int, *, resolved: bool) -> dict[str, object]:
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {
            "alertname": "HighErrorRate",
            "cluster": "eu-1",
            "environment": "production",
            "instance": f"{group}-{number}-{part}:9100",
            "job": "checkout",
            "namespace": "shop",
            "service": "checkout",
            "severity": "warning",
            "team": "payments",
        },
        "annotations": {
            "description": _NOTE,
            "runbook_url": "https://wiki.example.com/runbooks/high-error-rate",
            "summary": f"Errors of group {number} are above 5 %",
            "value": "0.0731",
        },
        "startsAt": "2026-03-02T10:00:00.123456789Z",
        "endsAt": "2026-03-02T11:00:00Z" if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=rate%28errors%5B5m%5D%29",
        "fingerprint": f"{number:08x}{crc32(group.encode()) ^ part:08x}",
    }


def notification(group: str, number: int, alerts: int, *, resolved: bool = False) -> bytes:
    """Return one notification of ``alerts`` alerts as the bytes of its JSON."""
    common = {"alertname": "HighErrorRate", "cluster": "eu-1", "service": "checkout"}
    body = {
        "receiver": "incident-manager",
        "status": "resolved" if resolved else "firing",
        "alerts": [_alert(group, number, part, resolved=resolved) for part in range(alerts)],
        "groupLabels": common,
        "commonLabels": common,
        "commonAnnotations": {"description": _NOTE},
        "externalURL": "http://alertmanager.example.com:9093",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="HighErrorRate", group="{group}-{number}"}}',
        "truncatedAlerts": 0,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def all_new(group: str, alerts: int) -> Iterator[bytes]:
    """Yield notifications of groups never seen before, without end."""
    number = 0
    while True:
        yield notification(group, number, alerts)
        number += 1


class Template:
    """Notifications of new groups at a hundredth of the cost of encoding each."""

    _NUMBER = 4_242_424_242

    def __init__(self, group: str, alerts: int) -> None:
        self._bytes = notification(group, self._NUMBER, alerts)

    def number(self, number: int) -> bytes:
        """Return the notification of a group, as ``notification`` would; all are of one length."""
        made = self._bytes.replace(b"%d" % self._NUMBER, b"%010d" % number)
        return made.replace(b"%08x" % self._NUMBER, b"%08x" % number)


def mixed(group: str, alerts: int) -> Iterator[bytes]:
    """Yield 30 % new groups, 50 % repeats and 20 % resolves, without end."""
    chance = Random(group)
    number, open_groups = 1, [0]
    yield notification(group, 0, alerts)
    while True:
        turn = chance.random()
        if turn < 0.3 or not open_groups:
            open_groups.append(number)
            yield notification(group, number, alerts)
            number += 1
        elif turn < 0.8:
            yield notification(group, chance.choice(open_groups[-500:]), alerts)
        else:
            place = chance.randrange(max(0, len(open_groups) - 500), len(open_groups))
            yield notification(group, open_groups.pop(place), alerts, resolved=True)
