"""From settings to the rules ``routing`` decides by."""

from collections.abc import Mapping

from receiver.settings import Settings
from routing.assign import Assignment
from routing.config import EscalationConfig
from routing.escalation import Clock, Rules, Step
from routing.priority import Classifier
from routing.route import RouteTree
from routing.runbook import Runbooks


def build_assignment(settings: Settings, catalogue: frozenset[str]) -> Assignment:
    """Return the configured rules. ``catalogue`` names the runbooks that exist."""
    clocks: dict[str, Mapping[str, Clock]] = {"": _clocks(settings, None)}
    for name in settings.escalations:
        clocks[name] = _clocks(settings, name)
    base = f"{settings.web.external_url}{settings.web.route_prefix}"
    runbooks = Runbooks(settings.runbooks.template, catalogue, settings.runbooks.system_label, base)
    timing = Rules(
        clocks={},
        reopen_within=settings.incidents.reopen_within,
        echo_window=settings.incidents.echo_window,
    )
    return Assignment(
        RouteTree(settings.route), Classifier(settings.classify), runbooks, clocks, timing
    )


def _clocks(settings: Settings, policy: str | None) -> dict[str, Clock]:
    """Return the clock of each priority, paging through ``policy`` or the priority's own."""
    clocks: dict[str, Clock] = {}
    for priority, config in settings.priorities.items():
        chosen = settings.escalations[policy or config.escalation or ""]
        clocks[priority] = Clock(
            acknowledge_within=config.acknowledge_within,
            deliver_within=config.deliver_within,
            steps=_steps(chosen),
            repeat=chosen.repeat,
        )
    return clocks


def _steps(config: EscalationConfig) -> tuple[Step, ...]:
    return tuple(
        # The first step is notified at once; only later ones have a time.
        Step(step.notify, step.after if number else None, step.mention)
        for number, step in enumerate(config.steps)
    )
