"""The configured status page: components, which incidents hit them, and the default wordings."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from receiver.config.types import Address, ExternalUrl
from receiver.http.tls.config import TlsServerConfig
from routing.config.base import Duration, Matchers, Name, Priority, Section, Text, upper
from routing.status_rule import WORDINGS, Component, StatusRule, check_wording

COMPONENTS_MAX = 50
NAME_MAX = 60
"""Characters: a Slack option has room for 75."""

Impact = Literal["degraded", "partial_outage", "major_outage"]
Wording = Literal["title", "investigating", "identified", "monitoring", "resolved", "reopened"]
USUAL_IMPACTS = {
    "P1": "major_outage",
    "P2": "partial_outage",
    "P3": "degraded",
    "P4": "degraded",
}


def _component_name(value: str) -> str:
    if not value.strip() or len(value) > NAME_MAX:
        raise ValueError(f"a component's name has 1 to {NAME_MAX} characters")
    return value.strip()


def _wording(value: str) -> str:
    check_wording(value)
    return value


class ComponentConfig(Section):
    """A part of the service as outsiders know it, and the alerts that are about it.

    ``impact``: what an incident of a priority means for it, beside the page's own.
    """

    name: Annotated[Text, AfterValidator(_component_name)]
    description: Text = ""
    matchers: Matchers
    impact: dict[Annotated[Priority, BeforeValidator(upper)], Impact] = Field(default={})

    @field_validator("matchers")
    @classmethod
    def _some(cls, value: Matchers) -> Matchers:
        if all(matcher.matches({}) for matcher in value):
            # It would take incidents that nobody thought of onto a public page.
            raise ValueError("at least one matcher must need a label to be there (label=value)")
        return value


class StatusPageConfig(Section):
    """The public status page; it is served once there are components.

    ``priorities``: whose incidents open on it by themselves, unless ``automatic`` is off.
    ``senders``: the credentials whose alerts may do that, each of a cluster of its own; none: all.
    ``url``: the address that outsiders reach the page at, without ``/status``; None: that of
    ``web.external_url``. ``history`` (ms): how long what is over stays on it. ``listen_address``: a
    port for the page alone, "" for that of everything else only. ``tls_server_config``: None where
    it speaks no TLS.
    """

    title: Text = "Service status"
    components: tuple[ComponentConfig, ...] = Field(default=(), max_length=COMPONENTS_MAX)
    priorities: tuple[Priority, ...] = ("P1", "P2")
    impact: dict[Annotated[Priority, BeforeValidator(upper)], Impact] = Field(default={})
    automatic: bool = True
    senders: tuple[Name, ...] = ()
    templates: dict[Wording, Annotated[str, Field(max_length=500), AfterValidator(_wording)]] = (
        Field(default={})
    )
    url: ExternalUrl = None
    history: Duration = 90 * 86_400_000
    listen_address: Address | Literal[""] = ""
    tls_server_config: TlsServerConfig | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [component.name for component in self.components]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two components are named {twice!r}")
        return self

    def rule(self, clusters: Mapping[str, str]) -> StatusRule | None:
        """Return the rule of the page, None without components.

        ``clusters``: name of a credential -> the cluster that is its own.
        """
        if not self.components:
            return None
        return StatusRule(
            components=tuple(
                Component(of.name, of.matchers, _joined(USUAL_IMPACTS, self.impact, of.impact))
                for of in self.components
            ),
            priorities=frozenset(self.priorities),
            wordings=_joined(WORDINGS, self.templates),
            automatic=self.automatic,
            # Of a credential that a reload took away nobody's alerts are left.
            clusters=(
                frozenset(clusters[name] for name in self.senders if name in clusters)
                if self.senders
                else None
            ),
        )


def _joined(*layers: Mapping[Any, str]) -> dict[str, str]:
    """Return one mapping of several, the later ones over the earlier."""
    return {str(key): value for layer in layers for key, value in layer.items()}
