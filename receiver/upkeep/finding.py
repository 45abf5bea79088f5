"""What a check of the store finds, and what would mend it."""

from enum import StrEnum

import msgspec


class Cure(StrEnum):
    """What mends a finding."""

    PUT_ASIDE = "put aside"
    """It cannot be read: it is kept beside, and something that can be read takes its place."""
    REINDEX = "enter again"
    """It is missing in an index or on the agenda, and is made anew from the records."""
    RECOUNT = "count again"
    POINTER = "lead again"
    """A group leads to its newest incident again."""
    REMOVE = "remove"
    NONE = "nothing"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    ``key``: where, ``incident``: whose ("" for none). ``commands`` mend it (``REMOVE``), as long as
    the version of the incident's record is still ``version`` (b"": there is none).
    """

    kind: str
    key: str
    words: str
    cure: Cure
    shard: int
    incident: str = ""
    version: bytes = b""
    commands: tuple[tuple[str | bytes, ...], ...] = ()


class Checked(msgspec.Struct):
    """How much was looked at, and what was found."""

    incidents: int = 0
    open: int = 0
    tasks: int = 0
    findings: list[Finding] = []


def to_json(checked: Checked) -> dict[str, object]:
    """Return it for programs."""
    return {
        "incidents": checked.incidents,
        "open": checked.open,
        "tasks": checked.tasks,
        "findings": [
            {
                "kind": found.kind,
                "key": found.key,
                "incident": found.incident or None,
                "problem": found.words,
                "repair": found.cure.value,
            }
            for found in checked.findings
        ],
    }
