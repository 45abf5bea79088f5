"""Histories of the model fed to ``decide`` with its timers, and what came of it, judged."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from routing.alert import Alert
from routing.decide import decide
from routing.decision import Decision
from routing.event import AlertsReceived, Seen, TimerDue
from routing.incident import Incident
from routing.rules import Rules
from tests.support.builders import GROUP, KEY, rules
from tests.support.upstream import T0, Delivery, M, S
from tests.support.upstream_alertmanager import says_firing
from tests.support.upstream_history import ACTIVE, SETTLED, History


class Outcome(NamedTuple):
    """How one telling ended: fingerprints that fire, when somebody was paged, and what was open."""

    firing: frozenset[str]
    pages: tuple[int, ...]
    open_since: tuple[tuple[int, frozenset[str]], ...]


def tell(told: History, deliveries: Sequence[Delivery], *, asks: bool) -> Outcome:
    """Return what ``decide`` ends in; ``asks``: it can ask the Alertmanagers."""
    return Product(told, asks=asks).tell(deliveries)


class Product:
    """``decide`` with its timers, on a clock that stands at what happens next."""

    def __init__(self, told: History, *, asks: bool) -> None:
        self._told = told
        self._asks = asks
        self._chance = random.Random(told.seed)
        self.rules: Rules = rules(asks=asks, stale_after=60 * M if asks else 0)
        self.incident: Incident | None = None
        self.pages: list[int] = []
        self.shown: list[tuple[int, frozenset[str]]] = [(T0, frozenset())]

    def tell(self, deliveries: Sequence[Delivery]) -> Outcome:
        for one in deliveries:
            self._work(one.at)
            alerts = tuple(_alert(copy.fingerprint, copy.starts, copy.ends) for copy in one.alerts)
            self._do(AlertsReceived(key=KEY, group=GROUP, alerts=alerts), one.at)
        self._work(SETTLED + 5 * 60 * M)
        return Outcome(self.shown[-1][1], tuple(self.pages), tuple(self.shown))

    def _work(self, until: int) -> None:
        while True:
            timers = self.incident.timers if self.incident else {}
            due = [(at, task) for task, at in timers.items() if task in ("echo", "stale")]
            if not due or min(due)[0] > until:
                return
            at, task = min(due)
            answers = self._answers(at) if self._asks else None
            seen = self.incident.seen_at if self.incident else 0
            self._do(TimerDue(task, seen_at=seen, alerts=answers), at)

    def _answers(self, at: int) -> dict[str, Seen] | None:
        """Return what Alertmanagers say, as ``receiver.alertmanager.alert_states`` does."""
        calm = at >= T0 + ACTIVE
        found: dict[str, Seen] = {}
        silent = set()
        for peer in self._told.peers:
            up, old = peer.answers(min(at, SETTLED))
            reached = up and (calm or self._chance.random() < 0.8)
            for name in self._told.names:
                if reached and peer.says_firing(name, min(at, SETTLED)):
                    found[name] = Seen("active")
                elif reached and old:
                    found.setdefault(name, Seen("gone"))
                else:
                    silent.add(name)
        return {
            name: seen for name, seen in found.items() if seen.state != "gone" or name not in silent
        } or None

    def _do(self, event: AlertsReceived | TimerDue, now: int) -> None:
        decision: Decision = decide(self.incident, event, now, self.rules)
        self.incident = decision.incident
        kinds = [entry.kind for entry in decision.timeline]
        self.pages += [now] * sum(kinds.count(kind) for kind in ("opened", "reopened"))
        shown = (
            frozenset(one.fingerprint for one in self.incident.firing())
            if self.incident
            else frozenset()
        )
        if shown != self.shown[-1][1]:
            self.shown.append((now, shown))


def _alert(name: str, starts: int, ends: int) -> Alert:
    return Alert(
        fingerprint=name,
        labels={"alertname": name, "severity": "critical"},
        starts_at=starts,
        resolved=ends > 0,
        ends_at=ends,
        priority="P1",
        priority_reason="severity critical",
    )


class Verdict(NamedTuple):
    """What is wrong, in words; how many pages, how many of them unneeded, and their bound."""

    wrong: str
    unpaged: str
    pages: int
    unneeded: int
    bound: int
    untold: int


def judge(
    told: History, deliveries: Sequence[Delivery], outcome: Outcome, *, asks: bool
) -> Verdict:
    """Compare what the service ended in, and whom it paged, with what the Alertmanagers say."""
    wrong, untold = [], 0
    for name in told.names:
        fires = says_firing(told.peers, name, SETTLED)
        if not fires and not asks and _never_told(told, name):
            # Of its end nobody told, and nobody can be asked: it cannot be known.
            fires, untold = name in outcome.firing, untold + 1
        if fires != (name in outcome.firing):
            wrong.append(f"{name} {'fires' if fires else 'is over'} upstream")
    missed = _unpaged(told, deliveries, outcome, asks=asks)
    unneeded = sum(
        not any(says_firing(told.peers, name, at) for name in told.names) for at in outcome.pages
    )
    bound = _turns_told(deliveries)
    return Verdict("; ".join(wrong), missed, len(outcome.pages), unneeded, bound, untold)


def _never_told(told: History, name: str) -> bool:
    """Return whether of something that was told as firing nobody told afterwards that it is over.

    Alertmanager does that: a peer that lags notes in their log that the alert was told as resolved,
    and half a pair that sees no trouble overwrites, with the end of an older one, what fires.
    """
    copies = [
        (one.sent, copy)
        for one in told.delivered
        for copy in one.alerts
        if copy.fingerprint == name
    ]
    return any(
        not any(
            later >= sent and end.ends and (end.ends >= copy.starts or copy.starts > sent + M)
            for later, end in copies
        )
        for sent, copy in copies
        if not copy.ends
    )


def _unpaged(told: History, deliveries: Sequence[Delivery], outcome: Outcome, *, asks: bool) -> str:
    """Return the first firing that was told, went on, and was not shown by then; "" for none."""
    window = rules().peer_window + 2 * S
    for one in deliveries:
        for copy in one.alerts:
            if copy.ends:
                continue
            name, until = copy.fingerprint, one.at + window
            goes_on = all(
                says_firing(told.peers, name, min(at, SETTLED))
                for at in range(one.sent, until, 5 * S)
            )
            over = [
                other
                for other in deliveries
                if one.at <= other.at <= until
                and any(each.fingerprint == name and each.ends for each in other.alerts)
            ]
            if goes_on and not over and not _is_shown(outcome, name, one.at, until):
                return f"{name} told at {(one.at - T0) / S:.0f} s"
    return ""


def _is_shown(outcome: Outcome, name: str, since: int, until: int) -> bool:
    spans = zip(
        outcome.open_since, [*(at for at, _ in outcome.open_since[1:]), SETTLED * 2], strict=True
    )
    return any(name in shown and at <= until and end >= since for (at, shown), end in spans)


def _turns_told(deliveries: Sequence[Delivery]) -> int:
    """Return how often what is told of any alert turns to firing: more pages nobody can need."""
    fires: dict[str, bool] = {}
    turns = 0
    for one in deliveries:
        for copy in one.alerts:
            turns += not copy.ends and not fires.get(copy.fingerprint, False)
            fires[copy.fingerprint] = not copy.ends
    return turns
