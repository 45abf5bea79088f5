"""Two incidents that become one."""

from typing import Any

from routing.actions.merge import news
from routing.alert import Alert
from routing.decide import decide
from routing.event import AlertsReceived, Event, TimerDue
from routing.group import Group, group_stem
from routing.incident import Incident
from routing.rules import Rules
from tests.support.builders import NOW, alert, rules


class World:
    """Some incidents and what the agenda does between them."""

    def __init__(self, found: Rules | None = None) -> None:
        self.rules = found or rules()
        self.incidents: dict[str, Incident] = {}
        self.now = NOW
        self.observed: list[tuple[str, dict[str, str]]] = []

    def tell(self, name: str, *alerts: Alert) -> str:
        """Send a snapshot of a group; return the incident's id."""
        group = Group(cluster="", receiver="r", group_key=name)
        event = AlertsReceived(group_stem(group, 1), group, alerts)
        current = [found for found in self.incidents.values() if found.group == group]
        base = max(current, key=lambda found: found.generation) if current else None
        return self._keep(decide(base, event, self.now, self.rules))

    def do(self, incident: str, event: Event) -> str:
        """Decide an event of one incident; return the reason."""
        decision = decide(self.incidents.get(incident), event, self.now, self.rules)
        self._keep(decision)
        return decision.reason

    def _keep(self, decision: Any) -> str:
        self.observed += [(item.name, item.labels) for item in decision.observations]
        if decision.incident is None:
            return ""
        self.incidents[decision.incident.id] = decision.incident
        return str(decision.incident.id)

    def work(self) -> None:
        """Tell every target what it has to know, as the agenda does, until nothing is left."""
        for _ in range(20):
            due = [found for found in self.incidents.values() if "merge" in found.timers]
            if not due:
                return
            for source in due:
                told = news(source)
                lost = self.do(source.merged_into, told) == "unknown_incident"
                self.do(
                    source.id,
                    TimerDue("merge", told=told.firing, told_priority=told.priority, lost=lost),
                )
        raise AssertionError("it never comes to rest")

    def states(self, *names: str) -> list[str]:
        return [self.incidents[name].state for name in names]


def firing(name: str, **more: Any) -> Alert:
    return alert(name, **more)


def over(name: str, **more: Any) -> Alert:
    return alert(name, resolved=True, **more)
