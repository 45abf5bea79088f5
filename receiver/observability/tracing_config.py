"""The section ``tracing``: what it may hold, and whether traces are wanted at all."""

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import Field

from receiver.config.types import BareUrl
from routing.config.base import OptionalText, Section

TRACES_PATH = "/v1/traces"
"""opentelemetry.io, "OTLP Exporter Configuration": below the base URL of a collector."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
INSTALL = "pip install 'llm-incident-manager[otel]'"


class TracingConfig(Section):
    """Where traces go. What is not set here is taken from OpenTelemetry's own variables.

    ``endpoint`` is a collector's OTLP/HTTP address, without the path of the traces. ``enabled``
    unset: on where an endpoint is known.
    """

    enabled: bool | None = None
    endpoint: BareUrl | None = None
    service_name: OptionalText = None
    sample_ratio: float | None = Field(default=None, ge=0, le=1)

    @property
    def asked_for(self) -> bool:
        """True where these settings alone turn tracing on."""
        return self.enabled is True or (self.enabled is None and self.endpoint is not None)


def is_wanted(config: TracingConfig, environ: Mapping[str, str]) -> bool:
    """Return whether traces are to be sent, by the settings or else by the environment."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if config.asked_for or config.enabled is False:
        return config.asked_for
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name) for name in ENDPOINTS)


def is_installed() -> bool:
    """Return whether the packages of the extra ``otel`` are there, without importing them."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
