"""Who asks: a credential, or somebody who logged in."""

from typing import Protocol

import msgspec

from receiver.roles import Role


class Principal(Protocol):
    """What is asked of whoever asks."""

    @property
    def name(self) -> str:
        """How what they do is signed."""

    @property
    def role(self) -> Role | None:
        """What they may do; None for everything."""

    @property
    def is_human(self) -> bool:
        """Whether it is a person."""

    @property
    def acts_for_others(self) -> bool:
        """Whether they may say in whose name they act."""

    @property
    def cluster(self) -> str:
        """The cluster that is theirs alone, "" for none."""

    @property
    def incidents_per_minute(self) -> int:
        """How many new incidents of P3 and P4 they may open, 0 for no limit."""


class Person(msgspec.Struct, frozen=True):
    """Somebody who logged in: they act in their own name, and belong to no cluster.

    ``session``: what their session is stored under, "" for none; ``csrf``: what the forms of their
    pages bring back, "" where nothing but the origin of a request is asked.
    """

    name: str
    role: Role | None
    is_human: bool = True
    session: str = ""
    csrf: str = ""

    @property
    def acts_for_others(self) -> bool:
        """Nobody who logs in acts in another's name."""
        return False

    @property
    def cluster(self) -> str:
        """People are of no cluster."""
        return ""

    @property
    def incidents_per_minute(self) -> int:
        """People have no quota."""
        return 0
