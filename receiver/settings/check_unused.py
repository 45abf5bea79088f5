"""Settings that are given and change nothing: each is said, so that none ends unused unseen."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from receiver.config.problem import Place, Problem
from receiver.settings.model import Settings
from receiver.settings.places import FIELDS, Node, deciding, nodes
from receiver.settings.rules import effective
from receiver.slack.config import SlackNotifierConfig
from routing.alert import PRIORITIES
from routing.route import Route, RouteTree

Given = Callable[[Place], bool]
"""Whether something is written at a place."""


def check_unused(settings: Settings, lost: frozenset[Place], given: Given) -> Iterator[Problem]:
    """Yield what is given and not used; ``lost`` are the routes that are never taken."""
    taken = [
        (node, route)
        for node, route in zip(nodes(settings), RouteTree(settings.route).routes, strict=True)
        if node.place not in lost
    ]
    routes = [route for _node, route in taken]
    policies, calendars = _used(settings, routes)
    for name in settings.escalations:
        path: Place = ("escalations", name)
        if given(path) and name not in policies:
            hint = f"set for example priorities.P1.escalation: {name}"
            yield Problem(path, f"used by no priority and no route: {hint}")
    yield from _notifiers(settings, policies, given)
    for name in settings.calendars:
        path = ("calendars", name)
        if given(path) and name not in calendars:
            hint = f"set for example priorities.P3.calendar: {name}"
            yield Problem(path, f"used by no priority and no route: {hint}")
    yield from _overruled([node for node, _route in taken], given)
    if given(("classify",)) and all(route.priority for route in routes):
        words = "never asked: every route that alerts can take has a priority of its own"
        yield Problem(("classify",), words)
    yield from _mentions(settings, policies, given)
    for setting in _ONLY_WITH:
        if given(setting.place) and not setting.used(settings):
            yield Problem(setting.place, f"has no effect: {setting.needs}")
    yield from _integrations(settings, given)


def _used(settings: Settings, routes: Iterable[Route]) -> tuple[set[str], set[str]]:
    """Return the policies and the calendars that some priority on some route has."""
    every = [config for route in routes for config in effective(settings, route).values()]
    policies = {config.escalation for config in every if config.escalation}
    return policies, {config.calendar for config in every if config.calendar}


def _notifiers(settings: Settings, policies: set[str], given: Given) -> Iterator[Problem]:
    named = {policy: config.named for policy, config in settings.escalations.items()}
    paged = {name for policy in policies for name in named[policy]}
    made = {"slack": ("slack", "channel"), "pagerduty": ("pagerduty", "routing_key")}
    for name in settings.notifiers:
        if name in paged:
            continue
        place: Place = ("notifiers", name)
        place = place if given(place) else made.get(name, place)
        if given(place):
            by = sorted(policy for policy, names in named.items() if name in names)
            only = f" (only {', '.join(by)}, which nothing uses)" if by else ""
            words = f"the notifier {name} pages nobody: no policy in use names it{only}"
            yield Problem(place, f"{words}; name it in a step of escalations")


def _overruled(taken: list[Node], given: Given) -> Iterator[Problem]:
    """Yield what a route or a priority says and something nearer to every alert overrules."""
    decide = {place for node in taken for place in deciding(node)}
    for node in taken:
        here = [(*node.place, field) for field in ("escalation", "calendar")]
        here += [
            (*node.place, "priorities", priority, field)
            for priority in PRIORITIES
            for field in FIELDS
        ]
        for place in here:
            used = place in decide
            if given(place) and not used:
                yield Problem(place, "has no effect: a nearer setting overrules it everywhere")
    for priority in PRIORITIES:
        for field in FIELDS:
            place = ("priorities", priority, field)
            if given(place) and place not in decide:
                yield Problem(place, "has no effect: every route overrules it")


def _mentions(settings: Settings, policies: set[str], given: Given) -> Iterator[Problem]:
    kinds = {name: config.type for name, config in settings.notifiers.items()}
    if settings.roles and "slack" not in kinds.values():
        return  # a policy of roles is written for whatever is configured
    for policy in sorted(policies):
        config = settings.escalations[policy]
        for number, step in enumerate(config.steps):
            place = ("escalations", policy, "steps", number, "mention")
            if given(place) and step.mention and "slack" not in {kinds[n] for n in step.notify}:
                yield Problem(place, "has no effect: none of these notifiers is Slack")


class _Setting(NamedTuple):
    """A setting that does nothing on its own; ``needs`` says what it is for."""

    place: Place
    used: Callable[[Settings], bool]
    needs: str


def _has(kind: str) -> Callable[[Settings], bool]:
    return lambda settings: any(config.type == kind for config in settings.notifiers.values())


def _has_passwords(settings: Settings) -> bool:
    return any(one.password_hash for one in settings.web.credentials)


def _has_sessions(settings: Settings) -> bool:
    return settings.web.login.oidc is not None or _has_passwords(settings)


def _hears_slack(settings: Settings) -> bool:
    return bool(settings.slack.app_token or settings.slack.signing_secret)


def _speaks_slack(settings: Settings) -> bool:
    tokens = (
        config.token
        for config in settings.notifiers.values()
        if isinstance(config, SlackNotifierConfig)
    )
    return bool(settings.slack.token) or any(tokens)


def _heard_by(field: str) -> _Setting:
    needs = "Slack is not listened to without slack.signing_secret or slack.app_token"
    return _Setting((*field.split("."),), _hears_slack, needs)


def _of(section: str, key: str, *fields: str) -> list[_Setting]:
    """Return settings of a section that mean something only with one of its keys."""
    path = section.split(".")

    def used(settings: Settings) -> bool:
        found: object = settings
        for part in (*path, key):
            found = getattr(found, part)
        return bool(found)

    needs = f"it is of no use without {section}.{key}"
    return [_Setting((*path, field), used, needs) for field in fields]


def _inherited(field: str, section: str) -> Callable[[Settings], bool]:
    """Return whether some notifier has what a section says, rather than something of its own."""

    def used(settings: Settings) -> bool:
        value = getattr(getattr(settings, section), field)
        return any(
            config.type == section and getattr(config, field) == value
            for config in settings.notifiers.values()
        )

    return used


_NO_SLACK = "no notifier is of the type slack"
_NO_PAGERDUTY = "no notifier is of the type pagerduty"
_OWN = "every notifier that could use it has a"
_ONLY_WITH: tuple[_Setting, ...] = (
    _heard_by("slack.command"),
    _heard_by("permissions"),
    _Setting(("slack", "signing_secret"), _speaks_slack, "nothing is posted without slack.token"),
    _Setting(("slack", "app_token"), _speaks_slack, "nothing is posted without slack.token"),
    _Setting(("slack", "base_url"), _speaks_slack, "Slack is not called without slack.token"),
    _Setting(("slack", "channel"), _inherited("channel", "slack"), f"{_OWN} channel of its own"),
    _Setting(
        ("pagerduty", "routing_key"),
        _inherited("routing_key", "pagerduty"),
        f"{_OWN} routing key of its own",
    ),
    _Setting(("pagerduty", "base_url"), _has("pagerduty"), _NO_PAGERDUTY),
    _Setting(("budgets", "pagerduty_per_minute"), _has("pagerduty"), _NO_PAGERDUTY),
    _Setting(("budgets", "slack_channel_per_minute"), _has("slack"), _NO_SLACK),
    _Setting(("budgets", "slack_update_per_minute"), _has("slack"), _NO_SLACK),
    _Setting(
        ("pagerduty", "escalation_policy"),
        lambda settings: settings.pagerduty.routing_key is not None,
        "it is that of pagerduty.routing_key, which is not set",
    ),
    *_of("pagerduty", "rest_token", "rest_url"),
    _Setting(
        ("web", "metrics_token"),
        lambda settings: settings.observability.prometheus_enabled,
        "observability.prometheus_enabled is false",
    ),
    _Setting(
        ("web", "metrics_address"),
        lambda settings: settings.observability.prometheus_enabled,
        "observability.prometheus_enabled is false",
    ),
    *(
        _Setting(("web", "login", field), _has_sessions, "nobody logs in by password or oidc")
        for field in ("session_idle", "session_max")
    ),
    *(
        _Setting(("web", "login", field), _has_passwords, "no entry has a password_hash")
        for field in ("lock_after", "lock_for")
    ),
    *_of("outgoing_heartbeat", "url", "interval", "method"),
    *_of("enrichment.prometheus", "url", "token", "username", "password", "per_minute"),
    *_of(
        "enrichment.summary",
        "url",
        *("token", "model", "provider", "timeout_secs", "per_minute"),
        *("prompt_price", "completion_price"),
    ),
    *_of(
        "status_page",
        "components",
        *("title", "listen_address", "priorities", "automatic", "impact", "templates", "history"),
    ),
    *_of("incidents.flapping", "changes", "within", "hold"),
    *_of("incidents", "stale_after", "resolve_gone"),
    _Setting(
        ("incidents", "resolve_gone"),
        lambda settings: bool(settings.alertmanagers) or not settings.incidents.stale_after,
        "nobody is asked whether alerts are gone without alertmanagers",
    ),
    _Setting(
        ("storage", "max_memory"),
        lambda settings: not settings.redis.url,
        "with redis.url the embedded server, whose limit it is, does not run",
    ),
)


def _integrations(settings: Settings, given: Given) -> Iterator[Problem]:
    for name, config in settings.integrations.named.items():
        for field in ("url_token", "timeout_secs", "priorities"):
            place = ("integrations", name, field)
            if given(place) and config.url is None:
                words = f"it is of no use without integrations.{name}.url"
                yield Problem(place, f"has no effect: {words}")


def given_in(data: object) -> Given:
    """Return whether something is written at a place of a configuration as it was read."""

    def given(place: Place) -> bool:
        found: object = data
        for part in place:
            if isinstance(found, Mapping):
                found = _below(found, part)
            elif isinstance(found, list | tuple) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return False
        return found is not None

    return given


def _below(found: Mapping[object, object], part: str | int) -> object:
    """Return what is below a key, in whatever case a priority's name is written."""
    if part in found:
        return found[part]
    return next((found[key] for key in found if str(key).upper() == part), None)
