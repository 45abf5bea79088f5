"""The configuration of what is listened on, and of who may ask."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from receiver.config_types import Address, ExternalUrl, Prefix, local_url
from receiver.notify.config import PerMinute
from routing.config.base import Duration, Name, OptionalSecret, OptionalText, Section, Text


def check_credentials(
    token: SecretStr | None, username: str | None, password: SecretStr | None, *, needed: bool
) -> None:
    """Refuse with ValueError what is neither a token nor a username with a password.

    Nothing at all is refused only where it is ``needed``.
    """
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
        check_credentials(self.token, self.username, self.password, needed=True)
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
