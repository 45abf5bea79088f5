"""What the configured priorities and escalation policies demand of the response."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from routing.condition import Condition
from routing.config.base import Duration, Priority, Section, Span, upper
from routing.config.calendar import TimeLimitText

NEW_ALERTS = "new_alerts"
DOUBLED, OFF = "doubled", "off"
_MENTION = re.compile(r"|!here|!channel|!everyone|@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+")


def _off(value: Any) -> Any:
    # YAML reads off, without quotes, as false.
    return None if value in ("off", False, None) else value


OptionalWithin = Annotated[TimeLimitText | None, BeforeValidator(_off)]
"""A time, or ``off`` for no such deadline."""


DEADLINES = ("acknowledge_within", "resolve_within", "update_within")


class PriorityConfig(Section):
    """What a priority demands. ``escalation`` names the policy its pages follow.

    ``calendar`` names the calendar of business times; ``quiet_hours``: outside of its working hours
    nobody is paged. ``off`` for a time within which something is due: there is no such deadline,
    and what waits for that to acknowledge never comes.
    """

    acknowledge_within: OptionalWithin
    resolve_within: OptionalWithin = None
    update_within: OptionalWithin = None
    deliver_within: Span
    escalation: str | None = None
    calendar: str | None = None
    quiet_hours: bool = False


class PriorityChange(Section):
    """What a route changes of a priority; what is not given stays as it is."""

    acknowledge_within: OptionalWithin = None
    resolve_within: OptionalWithin = None
    update_within: OptionalWithin = None
    deliver_within: Span | None = None
    escalation: str | None = None
    calendar: str | None = None
    quiet_hours: bool | None = None

    def given(self) -> dict[str, Any]:
        """Return what is changed, by field: a deadline that is ``off`` is None."""
        found = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: value for name, value in found.items() if value is not None or name in DEADLINES
        }


_PRIORITIES: Mapping[str, Mapping[str, str | bool]] = {
    "P1": {
        "acknowledge_within": "5m",
        "resolve_within": "30m",
        "update_within": "30m",
        "deliver_within": "60s",
    },
    "P2": {"acknowledge_within": "15m", "resolve_within": "2h", "deliver_within": "60s"},
    "P3": {
        "acknowledge_within": "1h",
        "resolve_within": "8 business hours",
        "deliver_within": "10m",
    },
    "P4": {
        "acknowledge_within": "next business day",
        "resolve_within": "5 business days",
        "deliver_within": "1h",
        "quiet_hours": True,
    },
}


def _fill_priorities(value: Any) -> Any:
    """Let a priority be changed in one value without repeating the others."""
    if not isinstance(value, Mapping):
        return value
    filled = {upper(name): to for name, to in value.items()}
    for name, usual in _PRIORITIES.items():
        given = filled.get(name, {})
        filled[name] = {**usual, **given} if isinstance(given, Mapping) else given
    return filled


Priorities = Annotated[dict[Priority, PriorityConfig], BeforeValidator(_fill_priorities)]


class StepConfig(Section):
    """One step of an escalation policy.

    ``after`` is ms since its clock started (the opening, or the rise of the priority); None: when
    the acknowledge deadline passes.
    ``mention`` is Slack's: !here, !channel, @U0123ABCD or !subteam^S0123ABCD.
    """

    after: Duration | None = None
    notify: tuple[str, ...]
    mention: str = ""

    @field_validator("notify")
    @classmethod
    def _somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("this step notifies nobody: name at least one notifier")
        return tuple(dict.fromkeys(value))

    @field_validator("mention")
    @classmethod
    def _mention(cls, value: str) -> str:
        if not _MENTION.fullmatch(value):
            raise ValueError("not a mention (!here, !channel, @U0123ABCD or !subteam^S0123ABCD)")
        return value


class EscalationConfig(Section):
    """A policy: its steps in order, gone through ``repeat`` more times.

    ``remind_after``: ms after which whoever acknowledged and fell silent is asked again, through
    the notifiers ``remind`` (without them through those that are Slack channels). ``repage_when``:
    ``doubled`` (what fires, since the last page), a condition on ``new_alerts`` (those that joined
    since), or ``off``; None: as usual for the priority.
    """

    steps: tuple[StepConfig, ...]
    repeat: int = Field(default=0, ge=0, le=100)
    remind_after: Span | None = None
    remind: tuple[str, ...] = ()
    repage_when: str | None = None

    @field_validator("repage_when", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        # YAML reads off, without quotes, as false.
        return OFF if value is False else value

    @field_validator("repage_when")
    @classmethod
    def _condition(cls, value: str | None) -> str | None:
        text = value.strip().lower() if value is not None else None
        if text is None or text in (OFF, DOUBLED):
            return text
        try:
            compared = Condition(text).name
        except ValueError:
            compared = ""
        if compared != NEW_ALERTS:
            raise ValueError(f"write {DOUBLED}, {OFF}, or for example {NEW_ALERTS} >= 10")
        return text

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody its steps and reminders name, each once and in order."""
        steps = (name for step in self.steps for name in step.notify)
        return tuple(dict.fromkeys((*steps, *self.remind)))

    @model_validator(mode="after")
    def _reminds_sometime(self) -> "EscalationConfig":
        if self.remind and self.remind_after is None:
            raise ValueError("remind names notifiers, but remind_after does not say when")
        return self

    @field_validator("steps")
    @classmethod
    def _first_at_once(cls, value: tuple[StepConfig, ...]) -> tuple[StepConfig, ...]:
        if not value:
            raise ValueError("a policy has at least one step")
        if value[0].after:
            raise ValueError("the first step is notified at once: `after` is for later steps")
        return value
