"""What to silence in Alertmanager for an incident: never more than what it is about."""

from collections.abc import Iterable

from routing.incident import Incident, labelled
from routing.matcher import Matcher

FIRST = "alertname"
FOR_MIN_MS = 60_000
FOR_MAX_MS = 90 * 86_400_000


def default_matchers(incident: Incident) -> tuple[Matcher, ...]:
    """Return matchers for the labels that all alerts of an incident have alike, alertname first.

    All of its firing alerts match, and nothing that differs in any of these labels does. Without a
    label in common there is nothing safe to propose: ().
    """
    if incident.group.flood:
        # What such different alerts have alike, a severity perhaps, many others have too.
        return ()
    among = len(incident.alerts)
    alerts = labelled(incident.firing(), among) or labelled(incident.alerts.values(), among)
    if not alerts:
        return ()
    shared = dict(alerts[0].labels)
    for alert in alerts[1:]:
        shared = {name: value for name, value in shared.items() if alert.labels.get(name) == value}
    ordered = sorted(shared, key=lambda name: (name != FIRST, name))
    return tuple(Matcher(name, "=", shared[name]) for name in ordered if shared[name])


def check_matchers(matchers: Iterable[Matcher]) -> str:
    """Return what is wrong with the matchers of a silence, "" when Alertmanager would take them."""
    found = tuple(matchers)
    if not found:
        return 'needs at least one matcher, such as alertname="HighErrorRate"'
    if all(matcher.matches({}) for matcher in found):
        # Alertmanager refuses it: such a silence would quiet everything.
        return "at least one matcher must not match an empty value, or everything is silenced"
    return ""
