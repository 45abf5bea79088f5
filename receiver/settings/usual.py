"""The notifiers and policies that follow from what is configured.

The sections ``slack`` and ``pagerduty`` make notifiers of these names, always. The usual policies
notify those two, and ``log`` where there is neither: further notifiers are paged only where a
policy names them, so that adding one takes nobody's page away.
"""

from collections.abc import Iterable, Mapping

from receiver.config.problem import Problem
from receiver.notify.config import LogNotifierConfig, NotifierConfig
from receiver.pagerduty.config import PagerDutyNotifierConfig
from receiver.settings.model import Settings
from receiver.slack.config import SlackNotifierConfig
from routing.config.response import EscalationConfig, StepConfig

URGENT, NORMAL = "urgent", "normal"
"""The policies that exist unless configured otherwise: of P1 and P2, and of P3 and P4."""
USUAL_POLICY = {"P1": URGENT, "P2": URGENT, "P3": NORMAL, "P4": NORMAL}
PEOPLE = ("pagerduty", "slack")
"""The notifiers that sections make; the usual policies page these."""
LOG = "log"
REMIND_AFTER = "1h"


def effective_notifiers(settings: Settings) -> dict[str, NotifierConfig]:
    """Return every notifier, with what it takes from its section.

    ``log`` is made where there is nobody else: pages are printed until people can be reached.
    """
    given: dict[str, NotifierConfig] = dict(settings.notifiers)
    if settings.pagerduty.routing_key is not None:
        given.setdefault("pagerduty", PagerDutyNotifierConfig())
    if settings.slack.token is not None and settings.slack.channel is not None:
        given.setdefault("slack", SlackNotifierConfig())
    if all(config.type == "log" for config in given.values()):
        given.setdefault(LOG, LogNotifierConfig())
    return {
        name: config.filled(getattr(settings, config.type, None)) for name, config in given.items()
    }


def effective_escalations(
    settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> dict[str, EscalationConfig]:
    """Return the configured policies and the usual ones, each knowing whom to remind."""
    named = {
        name: _with_notifiers(config, settings, notifiers)
        for name, config in settings.escalations.items()
    }
    every = {**_usual_escalations(notifiers), **named}
    return {name: _reminding(config, notifiers) for name, config in every.items()}


def _with_notifiers(
    config: EscalationConfig, settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> EscalationConfig:
    """Return a policy whose steps name notifiers where they named roles."""

    def resolved(names: Iterable[str]) -> tuple[str, ...]:
        found = (
            (name,) if name in notifiers else members_of(name, settings, notifiers)
            for name in names
        )
        return tuple(dict.fromkeys(name for names in found for name in names))

    steps = tuple(
        step.model_copy(update={"notify": resolved(step.notify)}) for step in config.steps
    )
    return config.model_copy(update={"steps": steps, "remind": resolved(config.remind)})


def members_of(
    role: str, settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> tuple[str, ...]:
    """Return the notifiers of a role that are configured; where none is, those usually paged."""
    members = tuple(name for name in settings.roles.get(role, (role,)) if name in notifiers)
    return members or _usually_paged(notifiers)


def _usually_paged(notifiers: Mapping[str, NotifierConfig]) -> tuple[str, ...]:
    # A log is nobody: it is notified only where there is no person to reach.
    return tuple(name for name in PEOPLE if name in notifiers) or (LOG,)


def check_roles(settings: Settings, notifiers: Mapping[str, NotifierConfig]) -> Iterable[Problem]:
    """Yield what is wrong with roles."""
    allowed = sorted({*notifiers, *PEOPLE, LOG})
    for role, members in settings.roles.items():
        path = ("roles", role)
        if role in allowed:
            yield Problem(path, f"{role} is a notifier: give the role another name")
        for name in members:
            if name not in allowed:
                yield Problem(path, f"unknown notifier {name!r}", tuple(allowed))
        if not any(name in notifiers for name in members_of(role, settings, notifiers)):
            message = "none of its notifiers is configured, and neither slack nor pagerduty is"
            yield Problem(path, message, tuple(sorted(notifiers)))


def _usual_escalations(notifiers: Mapping[str, NotifierConfig]) -> dict[str, EscalationConfig]:
    first = _usually_paged(notifiers)
    people = ("slack",) if "slack" in notifiers else first
    again = StepConfig(notify=people, mention="!here" if "slack" in notifiers else "")
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
    quiet = [
        name for name in config.named if name in notifiers and notifiers[name].type != "pagerduty"
    ]
    return config.model_copy(update={"remind": tuple(quiet) or config.named})


def check_notifiers(
    settings: Settings, notifiers: Mapping[str, NotifierConfig], used: set[str]
) -> Iterable[Problem]:
    """Yield what is wrong with notifiers; ``used`` are the policies that pages follow."""
    for name, config in notifiers.items():
        yield from _check_notifier(name, config)
    yield from _check_sections(settings, notifiers)
    people = [name for name, config in notifiers.items() if config.type != "log"]
    unserved = sorted({URGENT, NORMAL}.intersection(used) - settings.escalations.keys())
    if people and unserved and not any(name in notifiers for name in PEOPLE):
        follow = [name for name, policy in USUAL_POLICY.items() if policy in unserved]
        message = (
            f"the usual policy ({', '.join(unserved)}, of {' and '.join(follow)}) pages the"
            " notifiers slack and pagerduty, and there is neither; configure the section slack or"
            f" pagerduty, or name a policy that notifies {' or '.join(people)}, for example as"
            f" priorities.{follow[0]}.escalation"
        )
        yield Problem(("notifiers",), message)


def _check_notifier(name: str, config: NotifierConfig) -> Iterable[Problem]:
    path = ("notifiers", name)
    if name in (*PEOPLE, LOG) and config.type != name:
        message = f"is the notifier that the usual policies page as {name}, and has to be of it"
        yield Problem((*path, "type"), f"{name} {message}: give this one another name", (name,))
    for words in config.lacks():
        yield Problem(path, words)


def _check_sections(
    settings: Settings, notifiers: Mapping[str, NotifierConfig]
) -> Iterable[Problem]:
    slack = settings.slack
    if not any(config.type == "slack" for config in notifiers.values()):
        if slack.token is not None and slack.channel is None:
            yield Problem(("slack", "channel"), "needed with slack.token: where to post incidents")
        if slack.channel is not None and slack.token is None:
            yield Problem(("slack", "token"), "needed with slack.channel (or slack.token_file)")
