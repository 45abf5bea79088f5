"""Why: what an alert would come to by the configuration in force, and what an incident came to."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.parameters import LABEL_MAX, SHOWN, read_one
from receiver.http.asked.spec import Parameter, Spec
from receiver.http.routes import Who, serves
from receiver.problem import refusal
from receiver.routing_json import (
    AlertPlayed,
    Explanation,
    Origin,
    ToldShape,
    alert_json,
    explanation,
)
from receiver.store.incidents import IncidentStore
from receiver.store.lists.handles import id_of
from receiver.text.times import rfc3339
from routing.assignment import Assignment
from routing.calendar import Calendar
from routing.duration import parse_duration
from routing.incident import Incident
from routing.matcher import labels_of
from routing.played import ahead, play
from routing.vocabulary import Kind

LABELS_MAX = 64
TIME_MAX = 64
AFTER_MAX_MS = 366 * 86_400_000
LABEL = Parameter(
    "label",
    "labels of the alert, as Alertmanager writes matchers with =; several joined by commas",
    most=LABEL_MAX,
    many=True,
    needed=True,
)
ANNOTATION = Parameter(
    "annotation", "the same for annotations, such as value", most=LABEL_MAX, many=True
)
AT = Parameter(
    "at",
    "when it opens: RFC 3339, or a time of its calendar's zone; else now",
    most=TIME_MAX,
)
AFTER = Parameter("acknowledged_after", "somebody takes it then, as in 10m", most=TIME_MAX)
FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_800_000
"""From 2000 on, up to 2100: beyond it no calendar knows its holidays."""
ASKED = (LABEL, ANNOTATION, AT, AFTER)
TOLD = frozenset(
    {
        Kind.ACKNOWLEDGED,
        Kind.ASSIGNED,
        Kind.CALMED,
        Kind.DEADLINE_MISSED,
        Kind.DELIVERY_FAILED,
        Kind.DELIVERY_LATE,
        Kind.DELIVERY_RECOVERED,
        Kind.ESCALATED,
        Kind.ESCALATED_BY,
        Kind.EXHAUSTED,
        Kind.GROWN,
        Kind.HELD,
        Kind.MERGED,
        Kind.OPENED,
        Kind.PAGED,
        Kind.PRIORITY_LOWERED,
        Kind.PRIORITY_RAISED,
        Kind.PRIORITY_SET,
        Kind.REACHED,
        Kind.REMINDED,
        Kind.REOPENED,
        Kind.RESOLVED,
        Kind.SILENCED,
        Kind.SNOOZED,
        Kind.SNOOZE_ENDED,
        Kind.UNACKNOWLEDGED,
        Kind.UNDELIVERABLE,
    }
)
"""Lines of a timeline that say whom it told, and why nobody else."""


class Asked(NamedTuple):
    """What is asked of an alert: its texts as they were given."""

    labels: dict[str, str]
    annotations: dict[str, str]
    at: str
    acknowledged_after: int


class Explain:
    """Explains by the configuration that holds now."""

    def __init__(
        self,
        assignment: Callable[[], Assignment],
        beats: Callable[[Mapping[str, str]], list[str]],
        store: IncidentStore,
        clock: Clock,
        origins: Callable[[Incident], Sequence[Origin]],
    ) -> None:
        """``beats(labels)``: the heartbeats that an alert with these labels is a beat of.

        ``origins(incident)``: the parts of the configuration that decided about it.
        """
        self._origins = origins
        self._assignment = assignment
        self._beats = beats
        self._store = store
        self._clock = clock

    def read(self, labels: list[str], annotations: list[str], at: str, after: str) -> Asked:
        """Return what is asked; PayloadError with the parameter that is wrong."""
        given = _pairs("label", labels)
        if not given:
            raise PayloadError('label is missing: write for example alertname="DiskFull"', "label")
        return Asked(given, _pairs("annotation", annotations), at.strip(), _after(after.strip()))

    async def alert(self, asked: Asked) -> AlertPlayed:
        """Return what an alert would come to. PayloadError for a time that is none."""
        now, assignment = self._clock.now(), self._assignment()

        def opens(calendar: Calendar) -> int:
            if not asked.at:
                return now
            found = calendar.read(asked.at)
            if not FIRST_MS <= found < LAST_MS:
                raise ValueError(f"{asked.at!r} is not of the years 2000 to 2099")
            return found

        def work() -> AlertPlayed:
            beats = self._beats(asked.labels)
            if beats:
                return alert_json(asked.labels, beats, ())
            try:
                played = play(
                    assignment, asked.labels, asked.annotations, opens, asked.acknowledged_after
                )
            except ValueError as error:
                raise PayloadError(f"at: {error}", "at") from None
            return alert_json(asked.labels, (), played)

        return await read_off_the_loop(work)

    async def incident(self, name: str) -> Explanation | None:
        """Return why an incident is where it is; None when there is none.

        PayloadError for a short name that is nobody's, or of several.
        """
        found = await self._store.whole(await id_of(self._store.lists, name))
        if found is None:
            return None
        now, assignment, incident = self._clock.now(), self._assignment(), found.incident
        told: list[ToldShape] = [
            {"number": found.first + at, "at": rfc3339(entry.at), "text": entry.text}
            for at, entry in enumerate(found.timeline)
            if entry.kind in TOLD
        ]
        return await read_off_the_loop(
            lambda: explanation(
                incident, ahead(assignment, incident, now), told, self._origins(incident), now
            )
        )


class ExplainEndpoint:
    """``/v1/routes/test`` and ``/v1/incidents/{id}/explanation``."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    @serves("GET", "/v1/routes/test", Who.VIEWER, spec=Spec({200: AlertPlayed}, ASKED))
    async def alert(self, request: web.Request) -> web.Response:
        """GET /v1/routes/test?label=&annotation=&at=&acknowledged_after=: what an alert comes to.

        Route, priority, runbook, policy, and everything that happens when nobody answers; played by
        the rules in force, and nobody is told.
        """
        asked = self._explain.read(
            request.query.getall("label", []),
            request.query.getall("annotation", []),
            read_one(request, "at"),
            read_one(request, "acknowledged_after"),
        )
        return json_answer(await self._explain.alert(asked))

    @serves("GET", "/v1/incidents/{id}/explanation", Who.VIEWER, spec=Spec({200: Explanation}))
    async def incident(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}/explanation: its route, priority and policy, and what is ahead."""
        name = request.match_info["id"]
        found = await self._explain.incident(name)
        if found is None:
            raise refusal(web.HTTPNotFound, f"there is no incident {name!r}")
        return json_answer(found)


def _pairs(name: str, texts: list[str]) -> dict[str, str]:
    if any(len(text) > LABEL_MAX for text in texts):
        raise PayloadError(f"{name} is longer than {LABEL_MAX} characters", name)
    try:
        found = labels_of(texts)
    except ValueError as error:
        raise PayloadError(f"{name}: {error}", name) from None
    if len(found) > LABELS_MAX:
        raise PayloadError(f"{name} has over {LABELS_MAX} names", name)
    return found


def _after(text: str) -> int:
    if not text:
        return 0
    name = "acknowledged_after"
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise PayloadError(f"{name}: {error}", name) from None
    if found > AFTER_MAX_MS:
        raise PayloadError(f"{name} is {text[:SHOWN]!r}; allowed: up to a year", name)
    return found
