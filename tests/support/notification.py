"""Notifications as Alertmanager sends them."""

from typing import Any

START = "2026-03-02T10:00:00Z"


def alert(name: str = "HighErrorRate", *, resolved: bool = False, **more: Any) -> dict[str, Any]:
    """One alert of a notification; ``labels``, ``annotations``, ``starts``, ``ends``."""
    labels = {"alertname": name, "severity": "critical", "service": "checkout"}
    labels |= more.get("labels", {})
    found = {
        "status": "resolved" if resolved else "firing",
        "labels": labels,
        "annotations": {"summary": f"{name} on checkout"} | more.get("annotations", {}),
        "startsAt": more.get("starts", START),
        "endsAt": more.get("ends", "2026-03-02T11:00:00Z") if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
    }
    if "fingerprint" in more:
        found["fingerprint"] = more["fingerprint"]
    return found


def notification(*alerts: dict[str, Any], group: str = "g1", **more: Any) -> dict[str, Any]:
    """A notification of Alertmanager, version 4."""
    firing = any(item["status"] == "firing" for item in alerts)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{group}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "incident-manager",
        "groupLabels": {"alertname": group},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
    } | more
