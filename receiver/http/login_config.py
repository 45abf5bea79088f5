"""The configuration of how people log in."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from receiver.proxies import is_this_machine
from receiver.roles import Role
from routing.config.base import OptionalSecret, Section, Span, Text, Url

ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
"""A hash as argon2's reference implementation writes it: salt and result in base 64."""
MEMORY_LEAST, MEMORY_MOST, PASSES_MOST, LANES_MOST = 7_168, 262_144, 10, 4
"""KiB and rounds. Below the least guessing takes no time (OWASP, "Password Storage Cheat Sheet");
above the most one login would take the memory of the service, or seconds."""


def _password_hash(value: str) -> str:
    if not value:
        return value
    found = ARGON2.fullmatch(value)
    if found is None:
        raise ValueError("must be what `incident-manager login hash` prints: $argon2id$v=19$...")
    memory, passes, lanes = map(int, found.groups())
    fits = MEMORY_LEAST <= memory <= MEMORY_MOST and 1 <= passes <= PASSES_MOST
    if not fits or not 1 <= lanes <= LANES_MOST:
        raise ValueError(
            f"has m={memory}, t={passes}, p={lanes}; allowed: m from {MEMORY_LEAST} to"
            f" {MEMORY_MOST}, t up to {PASSES_MOST}, p up to {LANES_MOST}"
        )
    return value


PasswordHash = Annotated[str, AfterValidator(_password_hash)]
TokenSpan = Annotated[Span, Field(ge=86_400_000, le=366 * 86_400_000)]
SessionSpan = Annotated[Span, Field(ge=60_000, le=90 * 86_400_000)]


def _visible(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("a group has visible characters alone, and no blanks around it")
    return value


def _network(value: object) -> object:
    if isinstance(value, str):
        try:
            return ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f"not an address or a network ({error})") from None
    return value


Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Group = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_visible)]


class GroupRoles(Section):
    """Which group has which role; of several groups the role that may most.

    ``default_role``: of those who are in none of the groups; None: they are not let in.
    """

    roles: dict[Group, Role] = Field(default={})
    default_role: Role | None = None

    @model_validator(mode="after")
    def _let_somebody_in(self) -> Self:
        if not self.roles and self.default_role is None:
            raise ValueError("nobody would be let in: needs roles (group: role) or default_role")
        if Role.SENDER in (*self.roles.values(), self.default_role):
            people = ", ".join(role for role in Role if role is not Role.SENDER)
            raise ValueError(f"nobody logs in as a sender; allowed: {people}")
        return self

    def role_of(self, groups: Iterable[str]) -> Role | None:
        """Return the role of somebody in these groups, None for one who is not let in."""
        found = [self.roles[group] for group in groups if group in self.roles]
        return max(found, key=list(Role).index, default=self.default_role)


class OidcConfig(GroupRoles):
    """Single sign-on by OpenID Connect.

    ``name_claim``: by what people are called; ``groups_claim``: where their groups are, dots lead
    further in. ``label`` stands on the button.
    """

    issuer: Url
    client_id: Text
    client_secret: OptionalSecret = None
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    name_claim: Text = "email"
    groups_claim: Text = "groups"
    label: Text = "Log in with single sign-on"

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
            raise ValueError("the issuer is asked by https, or on this machine")
        if "openid" not in self.scopes:
            raise ValueError("scopes need openid: without it nobody says who logged in")
        if not self.client_id or not self.name_claim or not self.groups_claim:
            raise ValueError("client_id, name_claim and groups_claim are not empty")
        return self


class ProxyConfig(GroupRoles):
    """A proxy that people log in to, and that says in a header who they are.

    The header is believed when it comes ``from`` these addresses, and is nothing otherwise.
    """

    header: HeaderName
    groups_header: HeaderName | None = None
    from_: Annotated[tuple[Network, ...], Field(alias="from", min_length=1)]

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if self.roles and self.groups_header is None:
            raise ValueError("roles of groups need a groups_header that names the groups")
        if any(network.prefixlen == 0 for network in self.from_):
            raise ValueError("from is everybody: then anybody can say who they are")
        return self


class LoginConfig(Section):
    """How long a login holds, and when too many failed ones lock a name.

    ``session_idle``, ``session_max`` (ms): a session ends so long after it was last used, and so
    long after it began. API tokens that people make for themselves last ``token_max`` at most
    (None: nobody makes one). After ``lock_after`` failures in a row a name is locked for
    ``lock_for``.
    """

    oidc: OidcConfig | None = None
    proxy: ProxyConfig | None = None
    session_idle: SessionSpan = 12 * 3_600_000
    session_max: SessionSpan = 7 * 86_400_000
    token_max: TokenSpan | None = 90 * 86_400_000
    lock_after: int = Field(default=10, ge=4, le=100)
    lock_for: Annotated[Span, Field(ge=60_000, le=86_400_000)] = 15 * 60_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.session_idle > self.session_max:
            raise ValueError("session_idle is longer than session_max, and so would never hold")
        return self
