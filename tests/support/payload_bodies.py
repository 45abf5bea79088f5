"""Bodies of webhooks for the tests, well-formed until a test spoils them."""

import json
from typing import Any

from receiver.intake.payload import Payload, parse_payload

NOW = 1_800_000_000_000
ZERO = "0001-01-01T00:00:00Z"


def parse(document: object, **options: Any) -> Payload:
    return parse_payload(json.dumps(document).encode(), NOW, **options)


def webhook(*alerts: object, **fields: object) -> dict[str, object]:
    body: dict[str, object] = {
        "receiver": "incidents",
        "status": "firing",
        "version": "4",
        "groupKey": '{}:{alertname="X"}',
        "groupLabels": {"alertname": "X"},
        "commonLabels": {"alertname": "X"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "truncatedAlerts": 0,
        "alerts": list(alerts),
    }
    return body | fields


def firing(**fields: object) -> dict[str, object]:
    alert: dict[str, object] = {
        "status": "firing",
        "labels": {"alertname": "X"},
        "annotations": {},
        "startsAt": "2026-01-02T03:04:05Z",
        "endsAt": ZERO,
        "generatorURL": "",
        "fingerprint": "d240efc3896bf266",
    }
    return alert | fields


def without(document: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in names}
