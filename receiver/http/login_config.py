"""The configuration of how people log in."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from routing.config.base import Section, Span

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
SessionSpan = Annotated[Span, Field(ge=60_000, le=90 * 86_400_000)]


class LoginConfig(Section):
    """How long a login holds, and when too many failed ones lock a name.

    ``session_idle``, ``session_max`` (ms): a session ends so long after it was last used, and so
    long after it began. After ``lock_after`` failures in a row a name is locked for ``lock_for``.
    """

    session_idle: SessionSpan = 12 * 3_600_000
    session_max: SessionSpan = 7 * 86_400_000
    lock_after: int = Field(default=10, ge=4, le=100)
    lock_for: Annotated[Span, Field(ge=60_000, le=86_400_000)] = 15 * 60_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.session_idle > self.session_max:
            raise ValueError("session_idle is longer than session_max, and so would never hold")
        return self
