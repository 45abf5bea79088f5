"""The configuration of logs and metrics."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from receiver.config.types import lower, rare
from routing.config.base import Duration, Section


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
