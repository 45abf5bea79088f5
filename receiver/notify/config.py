"""The destinations of incidents, as they are configured, and how often they are called."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from routing.config.base import Name, OptionalSecret, Priority, Section, Url


class NotifierConfig(Section):
    """A destination; each kind has its own model, told apart by ``type``.

    What is left out comes from the section of that name, where there is one.
    """

    type: str

    def filled(self, section: Any) -> Self:  # noqa: ARG002 - this kind has no section
        """Return it with what it takes from its section."""
        return self

    def lacks(self) -> Iterable[str]:
        """Yield what it cannot do without, in words; it is asked once it is filled."""
        return ()


class LogNotifierConfig(NotifierConfig):
    """Pages are printed."""

    type: Literal["log"] = "log"


BUILT_IN = ("alertmanager", "slack", "pagerduty")
"""Integrations that are there without being configured."""


PerMinute = Annotated[int, Field(ge=0, le=100_000)]


class IntegrationConfig(Section):
    """One integration: it may send events with ``token``, and is told of incidents at ``url``.

    Without a token of its own it sends with any of web.credentials, whose quota counts then.
    ``url_token`` is sent to ``url`` as a bearer token, a call may take ``timeout_secs``, and only
    incidents of ``priorities`` are told.
    """

    token: OptionalSecret = None
    url: Url | None = None
    url_token: OptionalSecret = None
    timeout_secs: float = Field(default=10.0, gt=0, le=300)
    priorities: tuple[Priority, ...] = ("P1", "P2", "P3", "P4")
    incidents_per_minute: PerMinute = 0

    @model_validator(mode="after")
    def _own_quota(self) -> Self:
        if self.incidents_per_minute and self.token is None:
            raise ValueError(
                "incidents_per_minute counts for the token of the integration, which has none;"
                " set that of the credential it sends with"
            )
        return self


class IntegrationsConfig(Section):
    """All integrations: ``max_connections`` to each, and each by its name."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[Name, IntegrationConfig]

    max_connections: Annotated[int, Field(ge=1, le=1_000)] = 50

    @property
    def named(self) -> dict[str, IntegrationConfig]:
        """Return the configured integrations by name."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def told(self) -> dict[str, IntegrationConfig]:
        """Return those that are told of incidents."""
        return {name: config for name, config in self.named.items() if config.url is not None}


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
