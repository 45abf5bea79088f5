"""The settings as frozen values. ``settings_load.load_settings`` makes and checks them.

Secrets are SecretStr and never printed. In a configuration every secret ``x`` may be given as
``x_file`` instead; the loader reads the file, so the models know only ``x``.
"""

import contextlib
import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from receiver.config_types import (
    Address,
    BareUrl,
    ExternalUrl,
    Prefix,
    Size,
    SlackUrl,
    local_url,
    lower,
    rare,
)
from receiver.enrichment.config import EnrichmentConfig
from receiver.notify.config import IntegrationsConfig, PerMinute
from receiver.observability.tracing_config import TracingConfig
from receiver.people.config import People
from receiver.slack.permission_config import Permissions
from receiver.web.status_page.config import StatusPageConfig
from routing.config.base import (
    ClassifyConfig,
    Duration,
    HeartbeatConfig,
    IncidentsConfig,
    Name,
    NotifierConfig,
    OptionalChannel,
    OptionalPolicyId,
    OptionalRoutingKey,
    OptionalSecret,
    OptionalText,
    RunbooksConfig,
    Section,
    Span,
    Text,
)
from routing.config.calendar import CalendarConfig
from routing.config.response import EscalationConfig, Priorities
from routing.config.route import RouteConfig

MEMORY_LEAST = 64 << 20


def _check_credentials(
    token: SecretStr | None, username: str | None, password: SecretStr | None, *, needed: bool
) -> None:
    given = (token is not None, username is not None, password is not None)
    none, allowed = (False, False, False), [(True, False, False), (False, True, True)]
    if given not in allowed and (needed or given != none):
        raise ValueError("needs either a token, or a username and a password")
    if username is not None and ":" in username:
        raise ValueError("a username has no colon: basic credentials are split at the first")


class CredentialConfig(Section):
    """Who may post alerts and use the API: a bearer token, or a user name with a password.

    ``cluster`` is the identity of the Alertmanager cluster that uses it. Beyond
    ``incidents_per_minute`` new incidents of P3 and P4 (0: no limit) are one. ``human`` False: what
    is done with it is no person's answer, unless it names somebody known.
    """

    name: Name
    token: OptionalSecret = None
    username: OptionalText = None
    password: OptionalSecret = None
    cluster: Text = ""
    incidents_per_minute: PerMinute = 0
    human: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _check_credentials(self.token, self.username, self.password, needed=True)
        return self


class WebConfig(Section):
    """What is listened on, what is accepted, and how others see this service.

    ``external_url``: None for the listen address; ``route_prefix``: "" for the path of it.
    ``shutdown_delay`` (ms): after SIGTERM it is not ready, and serves for so long all the same.
    """

    listen_address: Address = "127.0.0.1:8080"
    metrics_address: Address = "127.0.0.1:9090"
    external_url: ExternalUrl = None
    route_prefix: Prefix = ""
    max_body_bytes: int = Field(default=16_777_216, ge=1024, le=1_073_741_824)
    max_alerts: int = Field(default=10_000, ge=1, le=1_000_000)
    credentials: tuple[CredentialConfig, ...] = ()
    metrics_token: OptionalSecret = None
    shutdown_delay: Annotated[Duration, Field(le=300_000)] = 3_000

    @property
    def base_url(self) -> str:
        """How people reach this service, without a slash at the end: every link begins so.

        Where ``external_url`` has no path, that of ``route_prefix`` is meant.
        """
        url = self.external_url or local_url(self.listen_address)
        return url if urlsplit(url).path else url + self.route_prefix.rstrip("/")

    @property
    def link_path(self) -> str:
        """The path of ``base_url``, "" for none: links within a page begin so."""
        return urlsplit(self.base_url).path

    @property
    def served_under(self) -> tuple[str, ...]:
        """The paths before every route, "" for none; the first is that of our own calls.

        Where nothing but a path of ``external_url`` is said, a proxy may strip it or not.
        """
        if self.route_prefix:
            return (self.route_prefix.rstrip("/"),)
        return tuple(dict.fromkeys((self.link_path, "")))


class StorageConfig(Section):
    """Where the embedded store keeps its data, and how much memory (bytes) it may use; 0: any."""

    path: str = Field(default="data", min_length=1)
    max_memory: Size = 0

    @field_validator("max_memory")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < MEMORY_LEAST:
            raise ValueError("less than 64mb, with which nothing works (0: no limit)")
        return value


class RedisConfig(Section):
    """The server to use; an empty ``url`` means the embedded one.

    ``url`` may hold a password: it is left out of the representation. ``accept_loss``: a server
    that may forget what it acknowledged will do. ``durability``: ``checked`` asks the server,
    ``assured`` trusts one that does not tell.
    """

    url: str = Field(default="", repr=False)
    shards: int = Field(default=1, ge=1, le=1024)
    wait_replicas: int = Field(default=0, ge=0, le=16)
    accept_loss: bool = False
    durability: Annotated[Literal["checked", "assured"], BeforeValidator(lower)] = "checked"

    @field_validator("url")
    @classmethod
    def _scheme(cls, value: str) -> str:
        if value and not re.match(r"(rediss?|unix)://\S+\Z", value):
            raise ValueError("not a redis://, rediss:// or unix:// URL")
        try:
            urlsplit(value).port  # noqa: B018 - raises ValueError for a port that is none
        except ValueError:
            # Its own words would repeat a part of the password.
            raise ValueError(
                "host and port cannot be read; in a user's name and password write / # ? @ :"
                " as %2F %23 %3F %40 %3A"
            ) from None
        return value


class LogConfig(Section):
    """How much is logged, and in which form (auto: console on a terminal, else JSON)."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(lower)
    ] = "info"
    format: Annotated[Literal["auto", "json", "console"], BeforeValidator(lower)] = "auto"


class ObservabilityConfig(Section):
    """Whether /metrics is served, and how often (ms) each notifier is tried; 0: never."""

    prometheus_enabled: bool = True
    check_notifiers_every: Annotated[Duration, AfterValidator(rare)] = 3_600_000


class SlackConfig(Section):
    """Slack: the defaults of all notifiers of this type, and how its requests come in.

    With ``app_token`` they come by Socket Mode, else over HTTP, signed with ``signing_secret``.
    ``command`` is the slash command's name.
    """

    token: OptionalSecret = None
    signing_secret: OptionalSecret = None
    base_url: SlackUrl = "https://slack.com/api/"
    channel: OptionalChannel = None
    app_token: OptionalSecret = None
    command: str = "/incident"

    @field_validator("app_token")
    @classmethod
    def _of_the_app(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("xapp-"):
            raise ValueError("not an app-level token: those begin with xapp-")
        return value

    @field_validator("command")
    @classmethod
    def _slash(cls, value: str) -> str:
        # docs.slack.dev, "Implementing slash commands": at most 32 characters.
        if not re.fullmatch(r"/[a-z0-9_-]{1,31}", value):
            raise ValueError("not a slash, then 1 to 31 small letters, digits, _ or - (/incident)")
        return value


class PagerDutyConfig(Section):
    """PagerDuty: the defaults of all notifiers of this type, its webhooks and its REST API.

    ``escalation_policy`` is the one behind ``routing_key``. While a new webhook secret replaces an
    old one, both count.
    """

    routing_key: OptionalRoutingKey = None
    base_url: BareUrl = "https://events.pagerduty.com"
    webhook_secret: OptionalSecret = None
    webhook_secret_previous: OptionalSecret = None
    rest_token: OptionalSecret = None
    rest_url: BareUrl = "https://api.pagerduty.com"
    escalation_policy: OptionalPolicyId = None


class BudgetsConfig(Section):
    """How often services are called, and from how many waiting openings on they are one message.

    A little below what they take, as calls need time to get there; 0: no limit. docs.slack.dev,
    "Rate limits": a message a second and channel, 50 updates a minute; developer.pagerduty.com,
    "Events API rate limits": 120 events a minute and routing key.
    """

    slack_channel_per_minute: int = Field(default=55, ge=0, le=100_000)
    slack_update_per_minute: int = Field(default=45, ge=0, le=100_000)
    pagerduty_per_minute: int = Field(default=115, ge=0, le=100_000)
    digest_above: int = Field(default=10, ge=1, le=10_000)


class AlertmanagerConfig(Section):
    """The peers of one Alertmanager cluster, to be asked what became of its alerts.

    ``cluster`` is that of the credential or URL parameter its webhooks come with. ``warm_up`` (ms):
    for so long after its start an Alertmanager need not have heard of every alert again.
    """

    cluster: Text = ""
    urls: tuple[BareUrl, ...] = Field(min_length=1)
    token: OptionalSecret = None
    username: OptionalText = None
    password: OptionalSecret = None
    warm_up: Duration = 300_000

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _check_credentials(self.token, self.username, self.password, needed=False)
        return self


class OutgoingHeartbeatConfig(Section):
    """Whom to tell, every ``interval`` (ms), that pages can be received, kept and delivered.

    ``url`` is a secret: services for heartbeats put what authorizes into the path or the query.
    """

    url: OptionalSecret = None
    interval: Span = 60_000
    method: Annotated[Literal["get", "post"], BeforeValidator(lower)] = "get"

    @field_validator("url")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        # urlsplit's own errors would repeat a part of what is secret.
        with contextlib.suppress(ValueError):
            parts = urlsplit(text)
            plain = text.isprintable() and not {" ", "#"} & set(text)
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and plain:
                return value
        if value is not None:
            raise ValueError("not an http or https URL (without fragment)")
        return None


class ReviewConfig(Section):
    """Post-incident reviews: ``templates`` is a folder whose files replace those of the same name.

    They are ``review.md.j2`` and ``review.html.j2``.
    """

    templates: OptionalText = None


class Settings(Section):
    """Everything configured.

    From ``load_settings`` the sections ``notifiers``, ``escalations``, ``priorities`` and
    ``calendars`` are the effective ones: every notifier has its channel, token, routing key and
    base URL, policies name notifiers and no roles, every priority names its policy, every policy
    exists, and so does the calendar ``default``.
    """

    web: WebConfig = WebConfig()
    storage: StorageConfig = StorageConfig()
    redis: RedisConfig = RedisConfig()
    log: LogConfig = LogConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    tracing: TracingConfig = TracingConfig()
    slack: SlackConfig = SlackConfig()
    permissions: Permissions = Field(default={})
    people: People = Field(default={})
    pagerduty: PagerDutyConfig = PagerDutyConfig()
    alertmanagers: tuple[AlertmanagerConfig, ...] = ()
    integrations: IntegrationsConfig = IntegrationsConfig.model_validate({})
    enrichment: EnrichmentConfig = EnrichmentConfig()
    outgoing_heartbeat: OutgoingHeartbeatConfig = OutgoingHeartbeatConfig()
    notifiers: dict[Name, NotifierConfig] = Field(default={})
    roles: dict[Name, tuple[Name, ...]] = Field(default={})
    route: RouteConfig = RouteConfig()
    classify: ClassifyConfig = ClassifyConfig()
    priorities: Priorities = Field(default={}, validate_default=True)
    escalations: dict[Name, EscalationConfig] = Field(default={})
    calendars: dict[Name, CalendarConfig] = Field(default={})
    budgets: BudgetsConfig = BudgetsConfig()
    heartbeats: dict[Name, HeartbeatConfig] = Field(default={})
    incidents: IncidentsConfig = IncidentsConfig()
    runbooks: RunbooksConfig = RunbooksConfig()
    review: ReviewConfig = ReviewConfig()
    status_page: StatusPageConfig = StatusPageConfig()
