"""What is committed, and what became of it."""

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.records.large import LargeRecord, Stored
from routing.decision import Decision


class Write(msgspec.Struct, frozen=True):
    """A decision to commit. ``pointer``: the group's current generation must match too.

    ``record``: its ``stored_form``, where that was made already. ``undone``: those of the events by
    which nothing was done, so that they are not remembered. ``audit``: what the audit trail tells
    of it (``audit.entry.encoded``).
    """

    decision: Decision
    pointer: bool
    event_ids: tuple[str, ...] = ()
    record: Stored | None = None
    undone: frozenset[str] = frozenset()
    audit: tuple[bytes, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """The decision is durable; ``record`` is what is stored now, b"" if nothing had to be."""

    record: bytes | LargeRecord


class Conflict(msgspec.Struct, frozen=True):
    """Something else is there now: ``record`` is the truth to decide from, b"" for nothing.

    It can be read, and is of this ``generation`` of the group.
    """

    record: bytes
    generation: int = 0


class Duplicate(msgspec.Struct, frozen=True):
    """Some of the events were applied before; their places in ``Write.event_ids``."""

    places: tuple[int, ...]


class Refused(msgspec.Struct, frozen=True):
    """The decision cannot be stored, however often it is tried; the error says why."""

    error: StoreUnavailableError
