"""Alerts that fire all the time, so that their silence is the news: no incident is made of them.

They are known by name from public rules, and believed when they also say that they are nobody's
trouble (severity none, info, or none at all) or that their expression is ``vector(1)``. Whatever a
rule, a route or a label ``priority`` of the configuration makes a priority of stays an alert.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from routing.severity import canonical, plain_word

HEARTBEATS = (
    "Watchdog",
    "DeadMansSwitch",
    "DeadManSwitch",
    "DeadMansSnitch",
    "DeadManSnitch",
    "PrometheusAlertmanagerE2eDeadManSwitch",
)
"""Of kube-prometheus, the Prometheus Operator before it, and awesome-prometheus-alerts: each should
be watched as a heartbeat."""
INHIBITORS = ("InfoInhibitor",)
"""Of kube-prometheus: it keeps info alerts quiet in Alertmanager, and is meant for nobody."""
REASON = "fires all the time: no incident"
_NAMES = {plain_word(name): name in HEARTBEATS for name in (*HEARTBEATS, *INHIBITORS)}
_NOBODYS = ("none", "info", "")


def always_fires(labels: Mapping[str, str], generator_url: str) -> bool:
    """Return whether an alert is one of those."""
    if plain_word(labels.get("alertname", "")) not in _NAMES:
        return False
    quiet = canonical(labels.get("severity", "")) in _NOBODYS
    return quiet or "".join(_expression(generator_url).split()) == "vector(1)"


def is_heartbeat(alertname: str) -> bool:
    """Return whether an alert that always fires is there to be missed."""
    return _NAMES.get(plain_word(alertname), False)


def _expression(generator_url: str) -> str:
    """Return the expression of a link to Prometheus' graph, "" for any other."""
    try:
        return parse_qs(urlsplit(generator_url).query).get("g0.expr", [""])[0]
    except ValueError:
        return ""
