"""The configured rules as frozen values. Durations are ms; wrong values raise ValidationError.

Cross references between sections (a step's notifiers, a priority's escalation) are checked where
the whole configuration is loaded.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from routing.alert import PriorityName
from routing.condition import Condition
from routing.duration import format_duration, parse_duration
from routing.links import check_pattern
from routing.matcher import Matcher, parse_matchers
from routing.runbook import check_template
from routing.severity import plain_word

ROUTING_KEY_LENGTH = 32
"""PagerDuty, "Events API v2 overview": the routing key has 32 characters."""
REST_KEY_LENGTH = 20


class Section(BaseModel):
    """A part of the configuration: frozen, unknown keys refused, no value echoed in errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if value == 0 and not isinstance(value, bool):
        return 0
    # YAML reads 1:30 as 90 and 300 as a number of nobody knows what: only a unit is clear.
    raise ValueError("a duration needs a unit (write for example 30s, 5m, 1h30m or 1d)")


def _matchers(value: Any) -> Any:
    if isinstance(value, str):
        return parse_matchers(value)
    if not isinstance(value, list | tuple):
        raise ValueError("""must be a list of matchers such as 'severity="critical"'""")  # noqa: TRY004
    found: list[Matcher] = []
    for item in value:
        if isinstance(item, Matcher):
            found.append(item)
        elif isinstance(item, str):
            found.extend(parse_matchers(item))
        else:
            raise ValueError("put each matcher in quotes, as in 'severity=\"critical\"'")  # noqa: TRY004
    return tuple(found)


def upper(value: Any) -> Any:
    """Return a text in capitals, anything else as it is."""
    return value.upper() if isinstance(value, str) else value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError("a name has 1 to 64 letters, digits, _, . or - and begins with no . or -")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("contains a line break, control or invisible character")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if any(ord(character) < ord(" ") for character in value.get_secret_value()):
        raise ValueError("contains a line break or control character")
    return value


def _routing_key(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value())
    if length != ROUTING_KEY_LENGTH:
        rest = "; this one has 20, as a REST API key, which belongs into pagerduty.rest_token"
        words = f"a PagerDuty routing key has {ROUTING_KEY_LENGTH} characters"
        raise ValueError(words + rest * (length == REST_KEY_LENGTH))
    return value


def is_channel_id(text: str) -> bool:
    """Return whether a text has the form of the id of a Slack channel or conversation."""
    return re.fullmatch(r"[CDGUW][A-Z0-9]{1,20}", text) is not None


def _channel(value: str) -> str:
    if not is_channel_id(value) and not re.fullmatch(r"#?[^\s#@,:<>]{1,80}", value):
        raise ValueError("neither the id of a Slack channel, such as C0123ABCD, nor its name")
    return value


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def check_url(value: str) -> str:
    """Return an http or https URL without user part, query and fragment; ValueError otherwise."""
    found = ValueError("not an http or https URL (without user, query and fragment)")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        # Its own words would repeat a part of the value, such as a password that is none of ours.
        raise found from None
    plain = parts.scheme in ("http", "https") and parts.hostname and value.isprintable()
    if not plain or "@" in parts.netloc or parts.query or parts.fragment or " " in value:
        raise found
    return value


def _policy_id(value: str) -> str:
    # Of a name PagerDuty would say that nobody is on call for it.
    if not re.fullmatch(r"[A-Z0-9]{5,20}", value):
        raise ValueError("not the id of an escalation policy such as P1ABC2D (it is in its URL)")
    return value


Duration = Annotated[int, BeforeValidator(_duration)]
"""ms, written with a unit, at least 0."""
Span = Annotated[int, BeforeValidator(_duration), Field(gt=0)]
"""ms, written with a unit, above 0."""
Priority = Annotated[PriorityName, BeforeValidator(upper)]
Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(_matchers)]
Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Url = Annotated[str, AfterValidator(check_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
OptionalChannel = Annotated[
    Annotated[Text, AfterValidator(_channel)] | None, BeforeValidator(_none_if_empty)
]
OptionalText = Annotated[Text | None, BeforeValidator(_none_if_empty)]
OptionalSecret = Annotated[Secret | None, BeforeValidator(_none_if_empty)]
OptionalRoutingKey = Annotated[
    Annotated[Secret, AfterValidator(_routing_key)] | None, BeforeValidator(_none_if_empty)
]
OptionalPolicyId = Annotated[
    Annotated[str, AfterValidator(_policy_id)] | None, BeforeValidator(_none_if_empty)
]


class RuleConfig(Section):
    """A classification rule: all matchers and the condition hold, so the priority is this."""

    name: Text = ""
    matchers: Matchers = ()
    when: str | None = None
    priority: Priority

    @field_validator("when")
    @classmethod
    def _condition(cls, value: str | None) -> str | None:
        if value is not None:
            Condition(value)
        return value


USUAL_SEVERITIES: Mapping[str, str] = {
    "critical": "P1",
    "error": "P2",
    "high": "P2",
    "warning": "P3",
    "info": "P4",
    "none": "P4",
}


class ClassifyConfig(Section):
    """How alerts become P1 to P4. Given severities add to the usual ones or replace them.

    ``default``: of alerts without a severity; a word that is not known is P2 at least.
    """

    rules: tuple[RuleConfig, ...] = ()
    severities: dict[str, Priority] = Field(default={}, validate_default=True)
    default: Priority = "P3"

    @field_validator("severities", mode="before")
    @classmethod
    def _add_usual(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {**USUAL_SEVERITIES, **{plain_word(str(name)): to for name, to in value.items()}}


class FlappingConfig(Section):
    """So many openings and ends (``changes``, 0 for never) ``within`` ms are flapping.

    The end of what flaps is believed after ``hold`` ms without a firing alert.
    """

    changes: int = Field(default=5, ge=0, le=100)
    within: Span = 30 * 60_000
    hold: Span = 10 * 60_000

    @field_validator("changes")
    @classmethod
    def _more_than_once(cls, value: int) -> int:
        if value in (1, 2):
            raise ValueError("opening and ending once is no flapping: 0 for never, or 3 and more")
        return value


class IncidentsConfig(Section):
    """The life of incidents, in ms. 0: never reopened, never stale, never forgotten."""

    reopen_within: Duration = 30 * 60_000
    echo_window: Span = 60_000
    peer_window: Span = 6 * 60_000
    tombstone_ttl: Span = 86_400_000
    flapping: FlappingConfig = FlappingConfig()
    stale_after: Duration = 5 * 3_600_000
    resolve_gone: bool = True
    retention: Duration = 90 * 86_400_000

    @model_validator(mode="after")
    def _peers_take_longer(self) -> Self:
        if self.peer_window < self.echo_window:
            window = format_duration(self.echo_window)
            raise ValueError(f"peer_window is shorter than echo_window ({window})")
        return self


class HeartbeatConfig(Section):
    """A heartbeat to watch: nothing for longer than ``interval`` (ms) opens an incident.

    It is beaten by POST /v1/heartbeats/NAME, and by firing alerts that fit ``matchers``. ``labels``
    are those of the alert that says that it is missing.
    """

    interval: Annotated[Span, Field(ge=1000)]
    matchers: Matchers = ()
    severity: Text = "critical"
    labels: dict[str, Text] = {}

    @field_validator("labels")
    @classmethod
    def _not_its_own(cls, value: dict[str, str]) -> dict[str, str]:
        for name in ("alertname", "heartbeat", "severity"):
            if name in value:
                raise ValueError(f"the label {name} is set by itself (severity: beside labels)")
        return value


class LinksConfig(Section):
    """The hosts that links of senders may lead to; none are named: any.

    ``*.example.com`` is every host below it.
    """

    allowed_hosts: tuple[Annotated[str, AfterValidator(check_pattern)], ...] = ()


class RunbooksConfig(Section):
    """Where runbooks are: a folder of system/alertname.md files, and a URL for all others."""

    path: str = "runbooks"
    system_label: str = "system"
    template: str = ""

    @field_validator("template")
    @classmethod
    def _template(cls, value: str) -> str:
        if value:
            check_template(value)
        return value
