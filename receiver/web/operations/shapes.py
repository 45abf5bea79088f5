"""The shapes of how the service does, and of what it works by."""

from typing import Any, TypedDict

from receiver.incident_shapes import Count, When


class HeartbeatShape(TypedDict):
    """A heartbeat that is expected; ``state``: beating, awaited (it never came), missing, unknown.

    ``late_seconds``: how long it is overdue.
    """

    name: str
    state: str
    interval_seconds: float
    last_beat_at: When
    due_at: When
    missing_since: When
    late_seconds: float
    severity: str
    matchers: list[str]


class HeartbeatList(TypedDict):
    """In the order they are configured."""

    heartbeats: list[HeartbeatShape]


class SilenceShape(TypedDict):
    """A silence in Alertmanager that holds, or will (``pending``).

    ``incident``: the one it was made from, null for one that was made elsewhere.
    """

    id: str
    cluster: str
    state: str
    matchers: str
    starts_at: When
    ends_at: When
    created_by: str
    comment: str
    incident: str | None
    link: str


class SilenceCluster(TypedDict):
    """One cluster of Alertmanagers; ``problem``: why its silences are not known."""

    cluster: str
    total: Count
    problem: str | None


class SilenceList(TypedDict):
    """Those that end first, 500 of each cluster at most; no cluster: none is configured."""

    silences: list[SilenceShape]
    clusters: list[SilenceCluster]


class NotifierShape(TypedDict):
    """How a notifier does, as the process that answers knows it.

    ``tried_here``: whether that process tried it, or another one of its machine. ``waiting``:
    deliveries to it that wait or are under way, of all processes.
    """

    name: str
    type: str
    state: str
    since: When
    problem: str | None
    untried: str | None
    delivered_at: When
    tried_at: When
    tried_here: bool | None
    waiting: Count


class AgendaLane(TypedDict):
    """A lane: entries in all, those that are due, and how long the first of them has waited."""

    lane: str
    entries: Count
    due: Count
    late_seconds: float


class AgendaEntry(TypedDict):
    """What is due; ``held``: it is under way, and comes again then if it is not settled."""

    incident: str
    task: str
    lane: str
    due_at: When
    held: bool


class Agenda(TypedDict):
    """``deliveries`` wait or are under way; ``counted``: so many were looked at for notifiers."""

    lanes: list[AgendaLane]
    deliveries: Count
    counted: Count
    next: list[AgendaEntry]


class Duty(TypedDict):
    """What one process does for all: whose turn it is, "" for nobody's, and until when."""

    name: str
    holder: str
    here: bool
    until: When


class Replicas(TypedDict):
    """The processes of the service that answers, and turns at what one does for all replicas."""

    process: Count
    running: Count
    wanted: Count
    problem: str | None
    duties: list[Duty]


class ServerShape(TypedDict):
    """A server of the store; ``address`` "": there is one alone. ``limit_bytes`` 0: none."""

    address: str
    used_bytes: Count
    limit_bytes: Count
    file_bytes: Count


class StoreShape(TypedDict):
    """How much is stored, and how durable; ``disk``: of the embedded server alone."""

    durability: str
    servers: list[ServerShape]
    disk_free_bytes: Count | None
    disk_total_bytes: Count | None
    open_incidents: Count
    closed_incidents: Count
    dead_letters: Count


class ReloadShape(TypedDict):
    """A reload: whether it was taken, and what was wrong, waits for a restart or is doubtful."""

    at: When
    by: str
    taken: bool
    problems: list[str]
    needs_restart: list[str]
    warnings: list[str]


class ConfigState(TypedDict):
    """Which configuration holds; ``hash``: the same where nothing but secrets differs.

    ``reloads``: of this process since it started (``since``), the last one first.
    """

    hash: str
    since: When
    reloads: list[ReloadShape]


class Config(ConfigState):
    """The configuration in force as a file would have it; secrets are ``***``."""

    configuration: dict[str, Any]


class Operations(TypedDict):
    """How the service does."""

    notifiers: list[NotifierShape]
    heartbeats: list[HeartbeatShape]
    agenda: Agenda
    replicas: Replicas
    store: StoreShape
    config: ConfigState
