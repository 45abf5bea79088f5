"""The settings as frozen values. ``settings_load.load_settings`` makes and checks them.

Secrets are SecretStr and never printed. In a configuration every secret ``x`` may be given as
``x_file`` instead; the loader reads the file, so the models know only ``x``.
"""

import ipaddress
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from routing.config import (
    ClassifyConfig,
    EscalationConfig,
    IncidentsConfig,
    Name,
    NotifierConfig,
    OptionalRoutingKey,
    OptionalSecret,
    OptionalText,
    Priorities,
    RouteConfig,
    RunbooksConfig,
    Section,
    Text,
    Url,
)


def split_address(address: str) -> tuple[str, int]:
    """Return (host, port) of ``host:port``, ``[::1]:port`` or ``:port`` (host "": everywhere).

    Port 0 means any free port. ValueError for anything else.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    number = int(port) if port.isascii() and port.isdigit() else -1
    known = _is_ip_v6(host[1:-1]) if bracketed else re.fullmatch(r"[A-Za-z0-9._-]*", host)
    if not colon or not known or not 0 <= number <= 65_535:  # noqa: PLR2004 - the highest port
        raise ValueError("not host:port with a port of 0 to 65535 (for example 127.0.0.1:8080)")
    return (host[1:-1] if bracketed else host), number


def _is_ip_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach a listen address."""
    host, _port = split_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(value: str) -> str:
    split_address(value)
    return value


def _prefix(value: str) -> str:
    trimmed = value.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_.~/-]*", trimmed) or ".." in trimmed or "//" in trimmed:
        raise ValueError("not a path of letters, digits and _ . ~ - / (for example /incidents)")
    return f"/{trimmed}" if trimmed else ""


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _with_slash(value: str) -> str:
    return value.rstrip("/") + "/"


def _without_slash(value: str) -> str:
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
Prefix = Annotated[str, AfterValidator(_prefix)]
SlackUrl = Annotated[Url, AfterValidator(_with_slash)]
BareUrl = Annotated[Url, AfterValidator(_without_slash)]


class CredentialConfig(Section):
    """Who may post alerts and use the API: a bearer token, or a user name with a password.

    ``cluster`` is the identity of the Alertmanager cluster that uses it.
    """

    name: Name
    token: OptionalSecret = None
    username: OptionalText = None
    password: OptionalSecret = None
    cluster: Text = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        basic = (self.username is not None, self.password is not None)
        if (self.token is not None, *basic) not in ((True, False, False), (False, True, True)):
            raise ValueError("needs either a token, or a username and a password")
        if self.username is not None and ":" in self.username:
            raise ValueError("a username has no colon: basic credentials are split at the first")
        return self


class WebConfig(Section):
    """What is listened on, what is accepted, and how others see this service."""

    listen_address: Address = "127.0.0.1:8080"
    metrics_address: Address = "127.0.0.1:9090"
    external_url: BareUrl = "http://localhost:8080"
    route_prefix: Prefix = ""
    max_body_bytes: int = Field(default=16_777_216, ge=1024, le=1_073_741_824)
    max_alerts: int = Field(default=10_000, ge=1, le=1_000_000)
    credentials: tuple[CredentialConfig, ...] = ()
    metrics_token: OptionalSecret = None


class StorageConfig(Section):
    """Where the embedded store keeps its data."""

    path: str = Field(default="data", min_length=1)


class RedisConfig(Section):
    """The server to use; an empty ``url`` means the embedded one.

    ``url`` may hold a password: it is left out of the representation.
    """

    url: str = Field(default="", repr=False)
    shards: int = Field(default=1, ge=1, le=1024)
    wait_replicas: int = Field(default=0, ge=0, le=16)

    @field_validator("url")
    @classmethod
    def _scheme(cls, value: str) -> str:
        if value and not re.match(r"(rediss?|unix)://\S+\Z", value):
            raise ValueError("not a redis://, rediss:// or unix:// URL")
        return value


class LogConfig(Section):
    """How much is logged, and in which form (auto: console on a terminal, else JSON)."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)
    ] = "info"
    format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_lower)] = "auto"


class ObservabilityConfig(Section):
    """Whether /metrics is served."""

    prometheus_enabled: bool = True


class SlackConfig(Section):
    """Slack: the defaults of all notifiers of this type, and who may acknowledge.

    ``acknowledge_by`` holds Slack user ids; empty means anybody.
    """

    token: OptionalSecret = None
    signing_secret: OptionalSecret = None
    base_url: SlackUrl = "https://slack.com/api/"
    channel: OptionalText = None
    acknowledge_by: tuple[str, ...] = ()

    @field_validator("acknowledge_by")
    @classmethod
    def _user_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, user in enumerate(value):
            # A display name would silently match nobody.
            if not re.fullmatch(r"[UW][A-Z0-9]{2,20}", user):
                raise ValueError(f"entry {number + 1} is not a Slack user id such as U0123ABCD")
        return value


class PagerDutyConfig(Section):
    """PagerDuty: the defaults of all notifiers of this type."""

    routing_key: OptionalRoutingKey = None
    base_url: BareUrl = "https://events.pagerduty.com"


class Settings(Section):
    """Everything configured.

    From ``load_settings`` the three sections ``notifiers``, ``escalations`` and ``priorities`` are
    the effective ones: every notifier has its channel, token, routing key and base URL, every
    priority names its policy, and every policy exists.
    """

    web: WebConfig = WebConfig()
    storage: StorageConfig = StorageConfig()
    redis: RedisConfig = RedisConfig()
    log: LogConfig = LogConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    slack: SlackConfig = SlackConfig()
    pagerduty: PagerDutyConfig = PagerDutyConfig()
    notifiers: dict[Name, NotifierConfig] = Field(default={})
    route: RouteConfig = RouteConfig()
    classify: ClassifyConfig = ClassifyConfig()
    priorities: Priorities = Field(default={}, validate_default=True)
    escalations: dict[Name, EscalationConfig] = Field(default={})
    incidents: IncidentsConfig = IncidentsConfig()
    runbooks: RunbooksConfig = RunbooksConfig()
