"""The head of a record: what a list asks for beside state, labels and texts."""

import msgspec

from routing.incident_parts import Actor, ClockEnd


class Head(msgspec.Struct):
    """Some fields of an incident, of the same names and meanings; the others cost nothing."""

    state: str
    schema: int = 1
    priority: str = "P4"
    team: str = ""
    runbook_url: str = ""
    episode: int = 0
    step: int = -1
    episode_opened_at: int = 0
    acknowledged_at: int = 0
    resolved_at: int = 0
    acknowledged_by: Actor | None = None
    assigned_to: Actor | None = None
    resolved_by: Actor | None = None
    clock_ends: tuple[ClockEnd, ...] = ()
