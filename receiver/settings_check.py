"""What the sections of the settings demand of each other, and the defaults that follow from it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from receiver.review_pages import problem_of
from receiver.settings import RedisConfig, Settings
from receiver.settings_problem import Place, Problem
from receiver.settings_times import check_times
from receiver.settings_types import is_loopback
from receiver.tracing_config import INSTALL, is_installed
from routing.calendar_config import CalendarConfig
from routing.config import NotifierConfig, Priority, RunbooksConfig
from routing.response_config import EscalationConfig, PriorityConfig, StepConfig
from routing.route import RouteTree
from routing.route_config import RouteConfig

URGENT, NORMAL = "urgent", "normal"
"""The policies that exist unless configured otherwise: of P1 and P2, and of P3 and P4."""
REMIND_AFTER = "1h"
_USUAL_POLICY = {"P1": URGENT, "P2": URGENT, "P3": NORMAL, "P4": NORMAL}


def complete(settings: Settings) -> tuple[Settings, list[Problem]]:
    """Return the settings with effective notifiers, escalations and priorities, and all problems.

    The settings are usable only when there is no problem.
    """
    notifiers = _notifiers(settings)
    escalations = {**_usual_escalations(notifiers), **settings.escalations}
    escalations = {name: _reminding(config, notifiers) for name, config in escalations.items()}
    calendars = {"default": CalendarConfig(), **settings.calendars}
    priorities = {
        name: config.model_copy(update={"escalation": config.escalation or _USUAL_POLICY[name]})
        for name, config in settings.priorities.items()
    }
    problems = [
        *_check_web(settings),
        *_check_redis(settings.redis),
        *_check_sections(settings),
        *(problem for name in notifiers for problem in _check_notifier(name, notifiers[name])),
        *_check_integrations(settings, notifiers),
        *_check_steps(settings.escalations, notifiers),
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


def _notifiers(settings: Settings) -> dict[str, NotifierConfig]:
    given = dict(settings.notifiers)
    if not given:
        if settings.pagerduty.routing_key is not None:
            given["pagerduty"] = NotifierConfig(type="pagerduty")
        if settings.slack.token is not None and settings.slack.channel is not None:
            given["slack"] = NotifierConfig(type="slack")
    if not given:
        given["log"] = NotifierConfig(type="log")
    return {name: _filled(config, settings) for name, config in given.items()}


def _filled(config: NotifierConfig, settings: Settings) -> NotifierConfig:
    update: dict[str, SecretStr | str | None] = {}
    if config.type == "slack":
        own = None if config.base_url is None else config.base_url.rstrip("/") + "/"
        update = {
            "token": config.token or settings.slack.token,
            "channel": config.channel or settings.slack.channel,
            "base_url": own or settings.slack.base_url,
        }
    elif config.type == "pagerduty":
        own = None if config.base_url is None else config.base_url.rstrip("/")
        update = {
            "routing_key": config.routing_key or settings.pagerduty.routing_key,
            "base_url": own or settings.pagerduty.base_url,
            # Behind another routing key there is another service, with a policy of its own.
            "escalation_policy": config.escalation_policy
            or (None if config.routing_key else settings.pagerduty.escalation_policy),
        }
    return config.model_copy(update=update)


def _usual_escalations(notifiers: Mapping[str, NotifierConfig]) -> dict[str, EscalationConfig]:
    kinds = {
        kind: tuple(name for name, config in notifiers.items() if config.type == kind)
        for kind in ("pagerduty", "slack", "log")
    }
    # A log is nobody: it is notified only where there is no person to reach.
    people = kinds["slack"] or kinds["pagerduty"] or kinds["log"]
    first = kinds["pagerduty"] + kinds["slack"] or kinds["log"]
    again = StepConfig(notify=people, mention="!here" if kinds["slack"] else "")
    return {
        URGENT: EscalationConfig.model_validate(
            {"steps": (StepConfig(notify=first), again), "remind_after": REMIND_AFTER}
        ),
        NORMAL: EscalationConfig(steps=(StepConfig(notify=people), again)),
    }


def _reminding(
    config: EscalationConfig, notifiers: Mapping[str, NotifierConfig]
) -> EscalationConfig:
    """Return a policy that knows whom to remind: channels, as a phone rings for a page alone."""
    if config.remind_after is None or config.remind:
        return config
    named = dict.fromkeys(name for step in config.steps for name in step.notify)
    quiet = [name for name in named if name in notifiers and notifiers[name].type != "pagerduty"]
    return config.model_copy(update={"remind": tuple(quiet) or tuple(named)})


def _check_web(settings: Settings) -> Iterable[Problem]:
    web = settings.web
    if not web.credentials and not is_loopback(web.listen_address):
        yield Problem(
            ("web", "listen_address"),
            f"{web.listen_address} can be reached by others and no credentials are configured:"
            " set web.credentials to a list with a name and a token_file (or a username and a"
            " password_file), or listen on 127.0.0.1 alone",
        )
    names: set[str] = set()
    secrets: set[tuple[str | None, str]] = set()
    for number, credential in enumerate(web.credentials):
        path = ("web", "credentials", number)
        secret = credential.token or credential.password
        identity = (credential.username, secret.get_secret_value() if secret else "")
        if credential.name in names:
            yield Problem(path, f"a second credential is named {credential.name}")
        if identity in secrets:
            yield Problem(path, "the same secret as another credential, so neither tells who it is")
        names.add(credential.name)
        secrets.add(identity)


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


def _check_sections(settings: Settings) -> Iterable[Problem]:
    slack = settings.slack
    if not settings.notifiers:
        if slack.token is not None and slack.channel is None:
            yield Problem(("slack", "channel"), "needed with slack.token: where to post incidents")
        if slack.channel is not None and slack.token is None:
            yield Problem(("slack", "token"), "needed with slack.channel (or slack.token_file)")
    if settings.tracing.asked_for and not is_installed():
        message = f"OpenTelemetry is not installed: {INSTALL}, or set tracing.enabled to false"
        yield Problem(("tracing",), message)
    policies = [settings.pagerduty.escalation_policy]
    policies += [config.escalation_policy for config in settings.notifiers.values()]
    if settings.pagerduty.rest_token is None and any(policies):
        message = "needed with escalation_policy: PagerDuty is asked who is on call"
        yield Problem(("pagerduty", "rest_token"), message)


def _check_notifier(name: str, config: NotifierConfig) -> Iterable[Problem]:
    path = ("notifiers", name)
    if config.type == "slack":
        if config.token is None:
            yield Problem(
                path, "a slack notifier without a token: set slack.token or its own token"
            )
        if config.channel is None:
            yield Problem(path, "a slack notifier without a channel: set channel here or in slack")
    if config.type == "pagerduty" and config.routing_key is None:
        where = "pagerduty.routing_key or its own routing_key"
        yield Problem(path, f"a pagerduty notifier without a routing key: set {where}")


def _check_integrations(
    settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> Iterable[Problem]:
    for name in settings.integrations.told:
        if name in notifiers:
            message = f"{name} is a notifier already: what is told of incidents needs its own name"
            yield Problem(("integrations", name, "url"), message)


def _check_steps(
    escalations: Mapping[str, EscalationConfig], notifiers: Mapping[str, NotifierConfig]
) -> Iterable[Problem]:
    for policy, config in escalations.items():
        for number, step in enumerate(config.steps):
            for name in step.notify:
                if name not in notifiers:
                    path = ("escalations", policy, "steps", number, "notify")
                    yield Problem(path, f"unknown notifier {name!r}", tuple(sorted(notifiers)))
        for name in config.remind:
            if name not in notifiers:
                place = ("escalations", policy, "remind")
                yield Problem(place, f"unknown notifier {name!r}", tuple(sorted(notifiers)))


def _check_policies(
    settings: Settings,
    escalations: Mapping[str, EscalationConfig],
    priorities: Mapping[Priority, PriorityConfig],
) -> Iterable[Problem]:
    used: set[str | None] = set()
    places: list[tuple[Place, str | None]] = [
        (("priorities", name, "escalation"), config.escalation)
        for name, config in priorities.items()
    ]
    places += _route_escalations(settings.route, ("route",))
    for path, name in places:
        used.add(name)
        if name is not None and name not in escalations:
            yield Problem(path, f"unknown escalation {name!r}", tuple(sorted(escalations)))
    for name in settings.escalations:
        if name not in used:
            hint = f"set for example priorities.P1.escalation: {name}"
            yield Problem(("escalations", name), f"used by no priority and no route: {hint}")


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
