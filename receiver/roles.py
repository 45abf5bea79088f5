"""What a credential may do."""

from enum import StrEnum


class Role(StrEnum):
    """What whoever shows a credential may do.

    A viewer looks, a responder also acts on incidents, a publisher also says what outsiders read,
    an administrator may do everything. A sender sends alerts and changes, and sees nothing.
    """

    SENDER = "sender"
    VIEWER = "viewer"
    RESPONDER = "responder"
    PUBLISHER = "publisher"
    ADMIN = "admin"


_ABOVE = (Role.VIEWER, Role.RESPONDER, Role.PUBLISHER, Role.ADMIN)
"""Each may do what those before it may."""


def may(has: Role | None, needed: Role) -> bool:
    """Return whether one role is enough for what needs another.

    None: a credential of which nothing is said may do everything.
    """
    if has is None or has is Role.ADMIN:
        return True
    if Role.SENDER in (has, needed):
        return has is needed
    return _ABOVE.index(has) >= _ABOVE.index(needed)
