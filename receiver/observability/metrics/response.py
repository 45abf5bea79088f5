"""The metrics of the response to incidents: how many, how fast answered and ended, escalations.

What decisions observe is counted in Redis by the commit that makes it durable, and read from there:
every replica shows the same numbers, and none of them ends with a process.
"""

from collections.abc import Mapping
from itertools import islice, product
from typing import NamedTuple

from receiver.observability.metrics.family import (
    Across,
    Closed,
    Family,
    Key,
    counter,
    every,
    gauge,
    histogram,
)
from receiver.store.response_totals import BOUNDS
from routing.alert import PRIORITIES, SEVERITIES
from routing.incident import OPEN_STATES
from routing.vocabulary import PageReason

TYPES = ("alert", "heartbeat", "manual")
SOURCES = ("alertmanager", "grafana", "other")
STEPS = tuple(str(number) for number in range(1, 10))
CLOCKS = ("acknowledge", "resolve", "update")
OUTCOMES = ("met", "missed", "void")
ENDS = ("human", "automatic")
LIKELY_ENDS = (("met", "human"), ("met", "automatic"), ("missed", "nobody"), ("void", "automatic"))
RUNBOOK_SOURCES = ("annotation", "catalogue", "template", "none")


FIRST_RESPONSES = 60
"""Series made at the start for the resolution histogram, 15 lines each; half for acknowledging."""


class Configured(NamedTuple):
    """What only the configuration knows.

    ``routes``: (method, template) of every route; ``channels``: the notifiers' names; ``teams``:
    every team of the route tree; ``priorities``: the priority that a severity leads to by default;
    ``systems``: those that have runbooks; ``llm``: provider and model of the language model, ()
    for none; ``catalogue``: the name of every runbook.
    """

    routes: tuple[tuple[str, str], ...]
    channels: tuple[str, ...]
    teams: tuple[str, ...]
    priorities: Mapping[str, str]
    systems: tuple[str, ...] = ()
    llm: tuple[str, ...] = ()
    catalogue: tuple[str, ...] = ()


SEVERITY, PRIORITY, SOURCE = Closed(SEVERITIES), Closed(PRIORITIES), Closed(SOURCES)
TYPE = Closed(TYPES)


def response_families(config: Configured) -> tuple[Family, ...]:
    """Return the metrics of incidents, response times, deadlines, escalations, and runbooks."""
    found = (*_incidents(), *_responses(config), *_escalations(), _feedback(config))
    return tuple(family._replace(stored=family.kind != "gauge") for family in found)


def _incidents() -> tuple[Family, ...]:
    return (
        counter(
            "incidents_total",
            "Total number of incidents created",
            {"severity": SEVERITY, "type": TYPE, "source": SOURCE, "priority": PRIORITY},
            every(SEVERITIES, TYPES[:1], SOURCES, PRIORITIES),
        ),
        gauge(
            "incidents_active",
            "Number of currently active incidents, the same on every replica: use max(), not sum()",
            {"severity": SEVERITY, "state": Closed(OPEN_STATES), "priority": PRIORITY},
            across=Across.SAME,
        ),
        counter(
            "incident_reopened_total",
            "Episodes that began by firing again, or by a person's word",
            {"priority": PRIORITY},
        ),
        counter(
            "incident_flapping_total",
            "Incidents marked as flapping: end and priority are held until they are quiet",
            {"priority": PRIORITY},
        ),
        histogram(
            "incident_detection_delay_seconds",
            "Time from the start of the first firing alert to the opening of its incident",
            {"priority": PRIORITY, "source": SOURCE},
            BOUNDS["incident_detection_delay_seconds"],
            every(PRIORITIES, SOURCES[:1]),
        ),
        counter(
            "incident_runbooks_total",
            "Incidents opened, by where their runbook came from",
            {"source": Closed(RUNBOOK_SOURCES)},
        ),
    )


def _feedback(config: Configured) -> Family:
    return counter(
        "incident_manager_runbook_feedback_total",
        "Answers to whether a runbook helped",
        {"runbook": Closed(config.catalogue), "helped": Closed(("yes", "no"))},
        (),
    )


def _first_responses(config: Configured, ends: tuple[str, ...], number: int) -> tuple[Key, ...]:
    """The likeliest ``number`` of (severity, type, priority, team, by), most urgent first.

    A severity with its default priority comes before the other pairs, which only rules lead to.
    """
    likely = {name: config.priorities.get(name, "P2") for name in SEVERITIES}
    pairs = dict.fromkeys([*likely.items(), *product(SEVERITIES, PRIORITIES)])
    teams = dict.fromkeys(("", *config.teams))
    every = (
        (severity, "alert", priority, team, by)
        for severity, priority in pairs
        for team in teams
        for by in ends
    )
    return tuple(islice(every, number))


def _responses(config: Configured) -> tuple[Family, ...]:
    labels = {
        "severity": SEVERITY,
        "type": TYPE,
        "priority": PRIORITY,
        "team": Closed(config.teams, ""),
        "by": Closed(ENDS),
    }
    return (
        histogram(
            "incident_resolution_duration_seconds",
            "Time taken to resolve incidents, from opening, once an episode",
            labels,
            BOUNDS["incident_resolution_duration_seconds"],
            _first_responses(config, ENDS, FIRST_RESPONSES),
        ),
        histogram(
            "incident_acknowledge_duration_seconds",
            "Time from opening to the first human acknowledgement, once an episode",
            labels,
            BOUNDS["incident_acknowledge_duration_seconds"],
            _first_responses(config, ENDS[:1], FIRST_RESPONSES // 2),
        ),
    )


def _escalations() -> tuple[Family, ...]:
    return (
        counter(
            "incident_escalations_total",
            "Escalation steps notified, counted from 1, by what made the page move on",
            {
                "priority": PRIORITY,
                "step": Closed(STEPS, "10+"),
                "reason": Closed(tuple(PageReason)),
            },
            every(PRIORITIES, STEPS[:3], PageReason),
        ),
        counter(
            "incident_deadlines_total",
            "Response deadlines that were met, missed, or void because nobody was needed any more",
            {
                "priority": PRIORITY,
                "clock": Closed(CLOCKS),
                "outcome": Closed(OUTCOMES),
                "by": Closed((*ENDS, "nobody")),
            },
            tuple(
                (priority, clock, outcome, by)
                for priority in PRIORITIES
                for clock in CLOCKS
                for outcome, by in LIKELY_ENDS
            ),
        ),
        counter(
            "incident_undeliverable_total",
            "Incidents whose escalation policy was exhausted before anybody was reached",
            {"priority": PRIORITY},
        ),
    )
