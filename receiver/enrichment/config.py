"""What is found out about incidents, as it is configured."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from receiver.config.types import BareUrl
from routing.config.base import Duration, OptionalSecret, OptionalText, Section


class PrometheusConfig(Section):
    """The Prometheus that is asked what an alert's expression gives now; none without ``url``.

    ``per_minute``: queries each replica sends at most; 0 for any number.
    """

    url: BareUrl | None = None
    token: OptionalSecret = None
    username: OptionalText = None
    password: OptionalSecret = None
    per_minute: int = Field(default=600, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.token is not None and self.password is not None:
            raise ValueError("either token, or username and password")
        return self


class SummaryConfig(Section):
    """Three sentences by an OpenAI-compatible endpoint; alert texts leave only with a ``url``.

    ``provider`` is a name for metrics; prices in US dollars per million tokens. ``per_minute``:
    requests each replica sends at most, as each costs money; 0 for any number.
    """

    url: BareUrl | None = None
    token: OptionalSecret = None
    model: OptionalText = None
    provider: str = Field(default="openai", min_length=1, max_length=64)
    timeout_secs: float = Field(default=20.0, gt=0, le=20)
    prompt_price: float = Field(default=0.0, ge=0)
    completion_price: float = Field(default=0.0, ge=0)
    per_minute: int = Field(default=30, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.url is not None and self.model is None:
            raise ValueError("model is needed with url: which one to ask for")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Return provider and model, as metrics name them; () when none is asked."""
        return (self.provider, self.model) if self.url and self.model else ()


class EnrichmentConfig(Section):
    """What is found out about an incident, how long each source may take, what is remembered."""

    enabled: bool = True
    timeout_secs: float = Field(default=3.0, gt=0, le=20)
    cache_ttl_secs: Annotated[float, Field(ge=0, le=86_400)] = 300
    cache_max_size: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    changes_within: Duration = 7_200_000
    prometheus: PrometheusConfig = PrometheusConfig()
    summary: SummaryConfig = SummaryConfig()
