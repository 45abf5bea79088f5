"""The configuration of what is listened on, and of who may ask."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from receiver.config.types import Address, ExternalUrl, Prefix, local_url
from receiver.http.limits import LimitsConfig
from receiver.http.login_config import LoginConfig, Network, PasswordHash
from receiver.http.tls.config import TlsServerConfig
from receiver.notify.config import PerMinute
from receiver.roles import Role
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


def _expiry(value: object) -> object:
    """Return when something expires (ms): a day (its end, UTC), or a time with its zone."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    allowed = "a day such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z"
    try:
        text = str(value)
        moment = datetime.fromisoformat(text)
        if len(text) == len("2027-01-31"):
            moment = moment.replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {allowed}") from None
    if moment.tzinfo is None:
        raise ValueError(f"has no zone; allowed: {allowed}")
    return int(moment.timestamp() * 1000)


Expiry = Annotated[int, BeforeValidator(_expiry)]
TOKEN_HASH = "sha256:"  # noqa: S105 - the name of the function
"""What a token's hash begins with. A token is drawn, not thought of: no slow hash has to guard it.
"""


def _token_hash(value: str) -> str:
    if value and not re.fullmatch(TOKEN_HASH + r"[0-9a-f]{64}", value):
        raise ValueError("must be what `incident-manager token new` prints: sha256: and 64 digits")
    return value


TokenHash = Annotated[str, AfterValidator(_token_hash)]


def _host_name(value: str) -> str:
    name = value.lower().rstrip(".")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?", name):
        raise ValueError("a host's name, without a port and without https:// (im.example.com)")
    return name


HostName = Annotated[str, AfterValidator(_host_name)]


def hash_of(token: str) -> str:
    """Return the hash of a token as a configuration has it."""
    return TOKEN_HASH + hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class CredentialConfig(Section):
    """Who may post alerts and use the API: a bearer token, or a user name with a password.

    ``token_hash`` stands for a token that the configuration does not hold, ``password_hash`` for a
    password: with it somebody logs in to the console, and only there. ``role``: what it may
    do; None for everything. ``cluster`` is the identity of the Alertmanager cluster that uses it,
    and nobody else's. Beyond ``incidents_per_minute`` new incidents of P3 and P4 (0: no limit) are
    one. ``human`` False: what is done with it is no person's answer, unless it names somebody
    known; ``act_as``: it may say in whose name it acts. ``expires``: from when on it counts for
    nothing (ms), 0 for never. ``client_allowed_sans``: names of client certificates that are it.
    """

    name: Name
    role: Role | None = None
    token: OptionalSecret = None
    token_hash: TokenHash = ""
    username: OptionalText = None
    password: OptionalSecret = None
    password_hash: PasswordHash = ""
    cluster: Text = ""
    incidents_per_minute: PerMinute = 0
    human: bool | None = None
    act_as: bool | None = None
    expires: Expiry = 0
    client_allowed_sans: tuple[Annotated[Text, Field(min_length=1)], ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.client_allowed_sans and (self.token_hash or self.password_hash):
            raise ValueError("client_allowed_sans stands alone: leave out the hash")
        if self.token_hash:
            if (self.token, self.username, self.password) != (None, None, None):
                raise ValueError("token_hash stands alone: leave out token, username and password")
            return self
        if self.password_hash:
            self._check_login()
            return self
        if self.client_allowed_sans:
            if (self.token, self.username, self.password) != (None, None, None):
                words = "client_allowed_sans stands alone: leave out token, username and password"
                raise ValueError(words)
            return self
        check_credentials(self.token, self.username, self.password, needed=True)
        return self

    def _check_login(self) -> None:
        """Refuse with ValueError what somebody who logs in cannot be."""
        if self.token is not None or self.password is not None or self.username is None:
            raise ValueError("password_hash stands beside a username, without token and password")
        if self.role is None or self.role is Role.SENDER:
            people = ", ".join(role for role in Role if role is not Role.SENDER)
            raise ValueError(f"whoever logs in has a role; allowed: {people}")
        if self.act_as or self.cluster:
            raise ValueError("whoever logs in acts in their own name and sends no alerts")

    @property
    def is_human(self) -> bool:
        """Whether people use it: where nothing is said, a password's owner, or one of no role."""
        if self.human is not None:
            return self.human
        return self.role is None or self.username is not None

    @property
    def acts_for_others(self) -> bool:
        """Whether it may say in whose name it acts."""
        return self.role is None if self.act_as is None else self.act_as


class WebConfig(Section):
    """What is listened on, what is accepted, and how others see this service.

    ``external_url``: None for the listen address; ``route_prefix``: "" for the path of it.
    ``shutdown_delay`` (ms): after SIGTERM it is not ready, and serves for so long all the same.
    ``processes``: how many serve on these ports; more than one have a parent.
    ``tls_server_config``, ``metrics_tls_server_config``: None where a port speaks no TLS.
    ``trusted_proxies``: whose ``X-Forwarded-For`` is believed. ``allowed_hosts``: names by which
    the ports answer beside those that are ours anyway; none: by any, once credentials are asked
    for. ``hsts_max_age`` (ms): for how long browsers come by https alone, 0 for nothing said.
    """

    listen_address: Address = "127.0.0.1:8080"
    metrics_address: Address = "127.0.0.1:9090"
    external_url: ExternalUrl = None
    route_prefix: Prefix = ""
    max_body_bytes: int = Field(default=16_777_216, ge=1024, le=1_073_741_824)
    max_alerts: int = Field(default=10_000, ge=1, le=1_000_000)
    credentials: tuple[CredentialConfig, ...] = ()
    login: LoginConfig = LoginConfig()
    limits: LimitsConfig = LimitsConfig()
    metrics_token: OptionalSecret = None
    shutdown_delay: Annotated[Duration, Field(le=300_000)] = 3_000
    processes: int = Field(default=1, ge=1, le=64)
    tls_server_config: TlsServerConfig | None = None
    metrics_tls_server_config: TlsServerConfig | None = None
    trusted_proxies: tuple[Network, ...] = ()
    allowed_hosts: tuple[HostName, ...] = ()
    hsts_max_age: Annotated[Duration, Field(le=2 * 365 * 86_400_000)] = 0

    @property
    def logs_in(self) -> bool:
        """Whether people log in to the console; where nobody does, all is as without a login."""
        login = self.login
        more = login.oidc is not None or login.proxy is not None
        return more or any(one.password_hash for one in self.credentials)

    @property
    def clusters(self) -> dict[str, str]:
        """Return name of a credential -> the cluster that is its own, of those that have one."""
        return {one.name: one.cluster for one in self.credentials if one.cluster}

    @property
    def guarded(self) -> bool:
        """Whether whoever asks has to say who they are."""
        return bool(self.credentials) or self.logs_in

    @property
    def base_url(self) -> str:
        """How people reach this service, without a slash at the end: every link begins so.

        Where ``external_url`` has no path, that of ``route_prefix`` is meant.
        """
        tls = self.tls_server_config is not None
        url = self.external_url or local_url(self.listen_address, tls=tls)
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
