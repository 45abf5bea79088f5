"""What the sections of the settings demand of each other, and the defaults that follow from it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from receiver.config.problem import Place, Problem
from receiver.notify.config import NotifierConfig
from receiver.observability.tracing_config import INSTALL, is_installed
from receiver.pagerduty.config import PagerDutyNotifierConfig
from receiver.people.config import check_people
from receiver.review.render import problem_of
from receiver.settings.check_times import check_times
from receiver.settings.check_web import check_web
from receiver.settings.model import Settings
from receiver.settings.rules import policies_used
from receiver.settings.usual import (
    USUAL_POLICY,
    check_notifiers,
    check_roles,
    effective_escalations,
    effective_notifiers,
)
from receiver.store.config import RedisConfig
from routing.config.base import Priority, RunbooksConfig
from routing.config.calendar import CalendarConfig
from routing.config.response import EscalationConfig, PriorityConfig
from routing.config.route import RouteConfig
from routing.route import RouteTree


def complete(settings: Settings) -> tuple[Settings, list[Problem]]:
    """Return the settings with effective notifiers, escalations and priorities, and all problems.

    The settings are usable only when there is no problem.
    """
    notifiers = effective_notifiers(settings)
    escalations = effective_escalations(settings, notifiers)
    calendars = {"default": CalendarConfig(), **settings.calendars}
    priorities = {
        name: config.model_copy(update={"escalation": config.escalation or USUAL_POLICY[name]})
        for name, config in settings.priorities.items()
    }
    problems = [
        *check_web(settings),
        *_check_redis(settings.redis),
        *_check_services(settings),
        *check_notifiers(settings, notifiers, _policies_used(settings, priorities)),
        *_check_integrations(settings, notifiers),
        *check_people(settings.people),
        *check_roles(settings, notifiers),
        *_check_steps(settings.escalations, {*notifiers, *settings.roles}),
        *_check_policies(settings, escalations, priorities),
        *_check_route(settings),
        *_check_review(settings),
        *_check_runbooks(settings.runbooks),
        *check_times(settings, calendars),
    ]
    update = {
        "notifiers": notifiers,
        "escalations": escalations,
        "priorities": priorities,
        "calendars": calendars,
    }
    return settings.model_copy(update=update), problems


def _check_redis(redis: RedisConfig) -> Iterable[Problem]:
    """What is said about a server of one's own needs one, and does not contradict itself."""
    named = {
        "wait_replicas": redis.wait_replicas > 0,
        "accept_loss": redis.accept_loss,
        "durability": redis.durability == "assured",
    }
    for field, given in named.items():
        if given and not redis.url:
            yield Problem(
                ("redis", field),
                "only with redis.url: the embedded server has every write on disk before it is"
                " acknowledged, and no replicas",
            )
    if named["accept_loss"] and named["durability"]:
        yield Problem(
            ("redis", "accept_loss"),
            "contradicts redis.durability: assured; set the one that is true",
        )


def _check_runbooks(runbooks: RunbooksConfig) -> Iterable[Problem]:
    given = runbooks.path if "path" in runbooks.model_fields_set else ""
    if given and not Path(given).is_dir():
        message = f"{given!r} is not a folder; leave it out for the runbooks that come with this"
        yield Problem(("runbooks", "path"), message)


def _check_services(settings: Settings) -> Iterable[Problem]:
    if settings.tracing.asked_for and not is_installed():
        message = f"OpenTelemetry is not installed: {INSTALL}, or set tracing.enabled to false"
        yield Problem(("tracing",), message)
    policies = [settings.pagerduty.escalation_policy]
    policies += [
        config.escalation_policy
        for config in settings.notifiers.values()
        if isinstance(config, PagerDutyNotifierConfig)
    ]
    if settings.pagerduty.rest_token is None and any(policies):
        message = "needed with escalation_policy: PagerDuty is asked who is on call"
        yield Problem(("pagerduty", "rest_token"), message)


def _check_integrations(
    settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> Iterable[Problem]:
    for name in settings.integrations.told:
        if name in notifiers:
            message = f"{name} is a notifier already: what is told of incidents needs its own name"
            yield Problem(("integrations", name, "url"), message)


def _check_steps(escalations: Mapping[str, EscalationConfig], known: set[str]) -> Iterable[Problem]:
    """``known``: the notifiers and roles there are."""
    for policy, config in escalations.items():
        places = [
            (("steps", number, "notify"), step.notify) for number, step in enumerate(config.steps)
        ]
        for place, names in [*places, (("remind",), config.remind)]:
            for name in names:
                if name not in known:
                    path = ("escalations", policy, *place)
                    yield Problem(path, f"unknown notifier {name!r}", tuple(sorted(known)))


def _policies_used(settings: Settings, priorities: Mapping[Priority, PriorityConfig]) -> set[str]:
    try:
        routes = RouteTree(settings.route).routes
    except ValueError:  # said by _check_route
        return set()
    return policies_used(settings.model_copy(update={"priorities": priorities}), routes)


def _check_policies(
    settings: Settings,
    escalations: Mapping[str, EscalationConfig],
    priorities: Mapping[Priority, PriorityConfig],
) -> Iterable[Problem]:
    places: list[tuple[Place, str | None]] = [
        (("priorities", name, "escalation"), config.escalation)
        for name, config in priorities.items()
    ]
    places += _route_escalations(settings.route, ("route",))
    for path, name in places:
        if name is not None and name not in escalations:
            yield Problem(path, f"unknown escalation {name!r}", tuple(sorted(escalations)))


def _route_escalations(route: RouteConfig, path: Place) -> Iterable[tuple[Place, str | None]]:
    yield (*path, "escalation"), route.escalation
    for priority, change in route.priorities.items():
        yield (*path, "priorities", priority, "escalation"), change.escalation
    for number, child in enumerate(route.routes):
        yield from _route_escalations(child, (*path, "routes", number))


def _check_review(settings: Settings) -> Iterable[Problem]:
    folder = settings.review.templates
    problem = problem_of(folder) if folder else ""
    if problem:
        yield Problem(("review", "templates"), f"{folder}: {problem}")


def _check_route(settings: Settings) -> Iterable[Problem]:
    root = settings.route
    for field, given in (("matchers", root.matchers), ("continue", root.continue_)):
        if given:
            yield Problem(
                ("route", field), "the root takes every alert: put this into route.routes"
            )
    if root.name is not None:
        yield Problem(("route", "name"), "the root has no name: put this into route.routes")
    try:
        RouteTree(root)
    except ValueError as error:
        yield Problem(("route", "routes"), str(error))
