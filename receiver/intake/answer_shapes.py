"""The shapes of what senders are answered, and of what was told."""

from typing import Any, Literal, NotRequired, TypedDict

from receiver.incident_shapes import When


class Accepted(TypedDict):
    """What became of alerts: the incidents they are of, and what needs a look."""

    status: Literal["accepted"]
    incidents: list[str]
    unwatched_heartbeats: NotRequired[list[str]]
    rejected: NotRequired[list[str]]


class PutAside(TypedDict):
    """It is JSON, but no notification: kept as a dead letter."""

    status: Literal["dead_letter"]
    detail: str
    place: str


class Beaten(TypedDict):
    """The beat is durable."""

    status: Literal["accepted"]
    heartbeat: str


class Notification(TypedDict):
    """A webhook of Alertmanager, version 4; other JSON is read as far as it goes, and kept."""

    groupKey: NotRequired[str]
    alerts: list[dict[str, Any]]


class ChangeShape(TypedDict):
    """A change as it is shown."""

    at: When
    summary: str
    labels: dict[str, str]
    source: str | None
    url: str | None
    id: str | None


class Stored(TypedDict):
    """It is durable."""

    status: Literal["stored"]
    change: ChangeShape


class Changes(TypedDict):
    """Newest first."""

    changes: list[ChangeShape]


class HintShape(TypedDict):
    """What was seen, and the line of configuration to add."""

    kind: str
    name: str
    last_seen_at: When
    text: str
    configuration: str


class HintList(TypedDict):
    """The latest first."""

    hints: list[HintShape]


class EventAccepted(TypedDict):
    """It is durable; ``incidents``: those it is of."""

    status: Literal["accepted"]
    incidents: list[str]
