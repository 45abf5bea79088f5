"""From settings to the rules ``routing`` decides by."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from receiver.settings.model import Settings
from routing.assignment import Assignment
from routing.calendar import Calendar
from routing.condition import Condition
from routing.config.response import DOUBLED, OFF, EscalationConfig, PriorityConfig
from routing.incident import Incident
from routing.links import Hosts
from routing.priority import Classifier
from routing.route import Route, RouteTree
from routing.rules import Clock, Repage, Rules, Step
from routing.runbook import Runbooks


def build_assignment(
    settings: Settings,
    catalogue: frozenset[str],
    worth_asking: Callable[[Incident], bool] | None = None,
) -> Assignment:
    """Return the configured rules. ``catalogue`` names the runbooks that exist.

    ``worth_asking(incident)``: whether anything may be found out about it; None: always.
    """
    calendars = {name: config.build() for name, config in settings.calendars.items()}
    runbooks = Runbooks(
        settings.runbooks.template,
        catalogue,
        settings.runbooks.system_label,
        settings.web.base_url,
    )
    incidents = settings.incidents
    timing = Rules(
        clocks={},
        reopen_within=incidents.reopen_within,
        echo_window=incidents.echo_window,
        peer_window=incidents.peer_window,
        asks=bool(settings.alertmanagers),
        flap_changes=incidents.flapping.changes,
        flap_window=incidents.flapping.within,
        flap_hold=incidents.flapping.hold,
        stale_after=incidents.stale_after,
        resolve_gone=incidents.resolve_gone,
        retention=incidents.retention,
        enrich=settings.enrichment.enabled,
        worth_asking=worth_asking,
        summarize=settings.enrichment.enabled and settings.enrichment.summary.url is not None,
        status=settings.status_page.rule(settings.web.clusters),
    )
    return Assignment(
        RouteTree(settings.route),
        Classifier(settings.classify),
        runbooks,
        lambda route: clocks_of(settings, route, calendars),
        timing,
        Hosts(settings.links.allowed_hosts),
    )


def clocks_of(
    settings: Settings, route: Route, calendars: Mapping[str, Calendar]
) -> dict[str, Clock]:
    """Return the clock of each priority on a route."""
    return {
        priority: _clock(settings, config, calendars, priority)
        for priority, config in effective(settings, route).items()
    }


def effective(settings: Settings, route: Route) -> dict[str, PriorityConfig]:
    """Return the priorities as they hold on a route, each with its policy and calendar.

    What is said nearest to the alert wins: a change of the priority on the route, the route's own
    escalation and calendar, those of its parent and so on, then the priority's.
    """
    found: dict[str, PriorityConfig] = {}
    for priority, config in settings.priorities.items():
        update: dict[str, Any] = {"calendar": config.calendar or "default"}
        for changes in route.changes:
            change = changes.get(priority)
            if change is not None:
                update |= change.given()
        found[priority] = config.model_copy(update=update)
    return found


def policies_used(settings: Settings, routes: Iterable[Route]) -> set[str]:
    """Return the escalation policies that some priority follows on some of these routes."""
    every = (config for route in routes for config in effective(settings, route).values())
    return {config.escalation for config in every if config.escalation}


def _clock(
    settings: Settings,
    config: PriorityConfig,
    calendars: Mapping[str, Calendar],
    priority: str,
) -> Clock:
    policy = settings.escalations[config.escalation or ""]
    return Clock(
        acknowledge_within=config.acknowledge_within,
        resolve_within=config.resolve_within,
        update_within=config.update_within,
        deliver_within=config.deliver_within,
        steps=_steps(policy, _deaf(settings)),
        calendar=calendars[config.calendar or ""],
        repeat=policy.repeat,
        quiet=config.quiet_hours,
        remind_after=policy.remind_after or 0,
        remind=policy.remind,
        repage=_repage(policy, priority),
        inform=tuple(
            name
            for name, integration in settings.integrations.told.items()
            if priority in integration.priorities
        ),
        policy=config.escalation or "",
    )


def _repage(policy: EscalationConfig, priority: str) -> Repage | None:
    """Return when a group that grows pages again: for P1 and P2 usually when it has doubled."""
    text = policy.repage_when
    if text is None:
        return Repage(doubled=priority in ("P1", "P2"))
    if text in (OFF, DOUBLED):
        return Repage(doubled=True) if text == DOUBLED else None
    return Repage(when=Condition(text))


def _deaf(settings: Settings) -> frozenset[str]:
    return frozenset(name for name, of in settings.notifiers.items() if of.type != "slack")


def _steps(config: EscalationConfig, cannot_mention: frozenset[str]) -> tuple[Step, ...]:
    return tuple(
        # The first step is notified at once; only later ones have a time.
        Step(step.notify, step.after if number else None, step.mention, cannot_mention)
        for number, step in enumerate(config.steps)
    )
