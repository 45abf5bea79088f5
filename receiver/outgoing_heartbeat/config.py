"""The configuration of the heartbeat that goes out."""

import contextlib
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, field_validator

from receiver.config.types import lower
from routing.config.base import OptionalSecret, Section, Span


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
