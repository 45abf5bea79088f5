"""From the alerts of one payload to events: route, classify, attach the runbook, group."""

from collections.abc import Callable

import msgspec

from routing.alert import URGENT, Alert
from routing.always_firing import REASON, always_fires
from routing.event import AlertsReceived
from routing.group import Group, Shards, group_stem, regroup
from routing.incident_parts import Actor
from routing.links import ANY_HOST, Hosts
from routing.priority import Classifier, add_values
from routing.route import Route, RouteTree
from routing.rules import Clock, Rules
from routing.runbook import Runbooks


class Sender(msgspec.Struct, frozen=True):
    """What an endpoint knows of a payload besides its alerts."""

    cluster: str
    receiver: str
    group_key: str
    group_labels: dict[str, str] = {}
    source: str = "other"
    alertmanager_url: str = ""
    correlation_id: str = ""
    kind: str = "alert"
    by: Actor | None = None
    sent_by: str = ""


class Assignment:
    """The configured rules, applied to payloads. Immutable; a reload makes a new one."""

    def __init__(
        self,
        tree: RouteTree,
        classifier: Classifier,
        runbooks: Runbooks,
        clocks: Callable[[Route], dict[str, Clock]],
        timing: Rules,
        hosts: Hosts = ANY_HOST,
    ) -> None:
        """``clocks(route)``: the clock of each priority; ``timing``: what every route shares.

        ``hosts``: where links of senders may lead.
        """
        self.hosts = hosts
        self.tree = tree
        self._classifier = classifier
        self._runbooks = runbooks
        self._clocks = clocks
        self._timing = timing
        self._rules: dict[str, Rules] = {}

    def rules(self, route: str) -> Rules:
        """Return the rules of the route with this id; an unknown one falls back to the root."""
        known = self._rules.get(route)
        if known is None:
            found = self.tree.by_id(route)
            sized = self._classifier.uses_group_size
            known = msgspec.structs.replace(
                self._timing,
                clocks=self._clocks(found),
                team=found.team,
                classify_group=self._classify_group if sized and not found.priority else None,
            )
            self._rules[route] = known
        return known

    def urgent_labels(self) -> dict[str, set[str]]:
        """Return label -> values by which an alert looks like P1 or P2; see ``label_finder``."""
        found = self._classifier.labels_of(URGENT)
        for route in self.tree.routes:
            if route.priority in URGENT:
                add_values(found, route.matchers)
        return found

    def _classify_group(self, alert: Alert, firing: int) -> tuple[str, str]:
        return self._classifier.classify(alert.labels, alert.annotations, firing)

    def knows_severity(self, severity: str) -> bool:
        """Return whether a severity, as the sender wrote it, leads to a priority."""
        return self._classifier.knows(severity)

    def always_fires(self, alert: Alert) -> bool:
        """Return whether an alert fires all the time, and nobody gave it a priority."""
        if not always_fires(alert.labels, alert.generator_url):
            return False
        if any(route.priority for route in self.tree.match(alert.labels)):
            return False
        return not self._classifier.chosen(alert.labels, alert.annotations)

    def assign(
        self, alerts: tuple[Alert, ...], sender: Sender, shards: int | Shards
    ) -> list[AlertsReceived]:
        """Return one event for each group of ours that the alerts belong to."""
        parts: dict[tuple[str, str], tuple[Group, list[Alert]]] = {}
        for alert in alerts:
            routes = self.tree.match(alert.labels)
            nobodys = not sender.by and self.always_fires(alert)
            # What a person opens is one incident, and joins no other.
            for route in routes[:1] if sender.by else routes:
                group_key, member = sender.group_key, self._dress(alert, route)
                member = _over(member) if nobodys else member
                if route.group_by is not None and not sender.by:
                    group = regroup(sender.cluster, route.id, route.group_by, alert.labels)
                    member = msgspec.structs.replace(member, source_group=group_key)
                    place = (route.id, group.group_key)
                else:
                    group = None
                    place = (route.id, "")
                known = parts.get(place)
                if known is None:
                    parts[place] = (group or self._group(sender, route), [member])
                else:
                    known[1].append(member)
        return [
            AlertsReceived(
                group_stem(group, shards),
                group,
                tuple(members),
                sender.source,
                self.hosts.without_link(sender.alertmanager_url),
                sender.correlation_id,
                sender.kind,
                sender.by,
                sender.sent_by,
            )
            for group, members in parts.values()
        ]

    @staticmethod
    def _group(sender: Sender, route: Route) -> Group:
        return Group(
            sender.cluster, sender.receiver, sender.group_key, route.id, sender.group_labels
        )

    def _dress(self, alert: Alert, route: Route) -> Alert:
        """Return the alert with priority and runbook."""
        if route.priority:
            priority, reason = route.priority, f"route {route.id or 'root'}"
        else:
            priority, reason = self._classifier.classify(alert.labels, alert.annotations)
        url, source = self._runbooks.find(alert.labels, alert.annotations, self.hosts.allow)
        return msgspec.structs.replace(
            alert,
            generator_url=self.hosts.without_link(alert.generator_url),
            priority=priority,
            priority_reason=reason,
            runbook_url=url,
            runbook_source=source,
        )


def _over(alert: Alert) -> Alert:
    """Return an alert that always fires as one that is over: an incident that has it may end."""
    return msgspec.structs.replace(
        alert,
        resolved=True,
        ends_at=max(alert.ends_at, alert.starts_at + 1) if alert.starts_at else 0,
        priority="P4",
        priority_reason=REASON,
    )
