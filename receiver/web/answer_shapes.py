"""The shapes of answers about the service itself, and of lists: see ``http.asked.spec``."""

from typing import Literal, NotRequired, TypedDict

from receiver.incident_shapes import Actor, Count, IncidentSummary, When
from receiver.observability.metrics.integrations import IntegrationFigures
from routing.vocabulary import Reason


class IncidentList(TypedDict):
    """A page; ``next``: the cursor of the rest, ``total``: null where only all of it would tell.

    Of ``looked_through`` incidents these are those asked for.
    """

    incidents: list[IncidentSummary]
    next: str | None
    total: Count | None
    looked_through: Count


class Acted(TypedDict):
    """What became of it, in a word; ``by``: who it counts as done by."""

    result: Reason
    by: Actor | None
    incident: IncidentSummary | None


class DamagedEntry(TypedDict):
    """What cannot be read and was put aside: where it was, and where it is kept."""

    place: str
    kind: str
    incident: str | None
    since: When
    why: str
    size_bytes: Count
    key: str
    kept_in: str | None


class DamagedList(TypedDict):
    """The latest first, 1,000 at most; ``total``: how many there are."""

    damaged: list[DamagedEntry]
    total: Count


class Discarded(TypedDict):
    """What was dropped."""

    result: Literal["discarded"]
    damaged: DamagedEntry


class HealthProblem(TypedDict):
    """What is wrong; ``unready``: other replicas should get the requests."""

    subject: str
    problem: str
    since: When
    unready: bool


class Health(TypedDict):
    """How the service is; whoever has no credential where some are wanted learns the status."""

    status: Literal["ok", "degraded", "unhealthy"]
    problems: NotRequired[list[HealthProblem]]
    components: NotRequired[dict[str, str]]
    notifiers: NotRequired[dict[str, dict[str, str | None]]]
    security: NotRequired[list[str]]


class Ended(TypedDict):
    """How many sessions of somebody ended."""

    name: str
    ended: int


class Unlocked(TypedDict):
    """Somebody may log in at once; ``had_failures``: whether there were any."""

    username: str
    had_failures: bool


class IntegrationList(TypedDict):
    """In the order they are configured."""

    integrations: list[IntegrationFigures]


class CacheFigures(TypedDict):
    """How full a cache is; ``hit_rate``: since the start, null before the first question."""

    entries: Count
    size_bytes: Count
    hits: Count
    misses: Count
    hit_rate: float | None


class CacheList(TypedDict):
    """By name."""

    caches: dict[str, CacheFigures]


class Breaker(TypedDict):
    """Whether calls of a notifier are made; ``problem``: why it only fails."""

    name: str
    state: str
    since: When
    problem: str | None


class BreakerList(TypedDict):
    """One a notifier."""

    circuit_breakers: list[Breaker]


class HomeShape(TypedDict):
    """An incident that has them."""

    id: str
    priority: str
    title: str
    opened_at: When


class SharedShape(TypedDict):
    """Incidents that share ``alerts`` alerts, the oldest first; ``alertname``: of one of them."""

    alerts: Count
    alertname: str
    incidents: list[HomeShape]


class SharedList(TypedDict):
    """Those that share most first, 100 at most; ``total``: how many there are."""

    shared_alerts: list[SharedShape]
    total: Count


class Reloaded(TypedDict):
    """The new configuration holds; ``needs_restart``: the settings of it that do not yet."""

    result: Literal["reloaded"]
    needs_restart: list[str]
    warnings: list[str]
