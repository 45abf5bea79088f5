"""A strict PagerDuty: the Events API v2, and the incidents that its events make.

As the real one it answers before it acts: a 202 says that an event is queued, and an acknowledge
or resolve with nothing open is answered 202 and dropped.
"""

import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from tests.support.fakes.pagerduty_events import MAX_BYTES, check_event
from tests.support.fakes.server import Call, FakeServer, Json

DEFAULT_ROUTING_KEY = "R" * 32


@dataclass
class PdIncident:
    """An incident on the service of `routing_key`.

    `status` is triggered, acknowledged or resolved. `log` holds every event that reached it as
    {action, at, payload}, the trigger that made it first; a further trigger only adds to the log.
    """

    number: int
    routing_key: str
    dedup_key: str
    status: str
    summary: str
    severity: str
    source: str
    payload: Json
    custom_details: Json
    links: list[Json]
    images: list[Json]
    client: str
    client_url: str
    log: list[Json] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """The actions of the log, oldest first."""
        return [entry["action"] for entry in self.log]


@dataclass
class PdEvent(Call):
    """One request to the Events API: `method` is its event_action, `args` its body.

    `effect` says what it did once processed: opened, logged, acknowledged, resolved or dropped.
    """

    effect: str = ""

    @property
    def dedup_key(self) -> Any:
        return self.args.get("dedup_key")

    @property
    def routing_key(self) -> Any:
        return self.args.get("routing_key")


class FakePagerDuty(FakeServer):
    """PagerDuty with one service for each routing key.

    `rate_per_minute` bounds the events of one key over a sliding minute. Events take effect
    `processing_delay` seconds after their answer, in order; with `reorder` an acknowledge or
    resolve takes effect at once, so that it overtakes a trigger still waiting and is dropped.
    `clock` is monotonic and in seconds; the delay itself is in real time.
    """

    def __init__(
        self,
        *,
        routing_keys: tuple[str, ...] = (DEFAULT_ROUTING_KEY,),
        rate_per_minute: int | None = None,
        processing_delay: float = 0.0,
        reorder: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.routing_keys = set(routing_keys)
        self.rate_per_minute = rate_per_minute
        self.processing_delay = processing_delay
        self.reorder = reorder
        self.incidents: list[PdIncident] = []
        self.events: list[PdEvent] = []
        self.dropped: list[PdEvent] = []
        self._open: dict[tuple[str, str], PdIncident] = {}
        self._queued: deque[PdEvent] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._recent: dict[str, deque[float]] = {}

    # What tests look at and do.

    def open(self) -> list[PdIncident]:
        """Return the incidents that are triggered or acknowledged, oldest first."""
        return [i for i in self.incidents if i.status != "resolved"]

    def of_key(self, dedup_key: str) -> list[PdIncident]:
        """Return the incidents of a dedup_key, oldest first, whatever their state and service."""
        return [i for i in self.incidents if i.dedup_key == dedup_key]

    def process_queued(self) -> None:
        """Let every queued event take effect now, in order."""
        while self._queued:
            self._process(self._queued.popleft())

    @property
    def queued(self) -> int:
        """How many accepted events have not taken effect yet."""
        return len(self._queued)

    async def stop(self) -> None:
        """Stop listening. Events that were queued take effect, as a 202 promised."""
        await super().stop()
        self._cancel_timers()
        self.process_queued()

    def state(self, *, brief: bool) -> Json:
        counts = {
            "incidents": len(self.incidents),
            "open": len(self.open()),
            "events": len(self.events),
            "dropped": len(self.dropped),
            "queued": self.queued,
            "faults_waiting": self.faults.waiting,
        }
        if brief:
            return {"counts": counts}
        return {
            "counts": counts,
            "incidents": [asdict(i) for i in self.incidents],
            "events": [asdict(e) for e in self.events],
            "dropped": [asdict(e) for e in self.dropped],
        }

    def reset(self) -> None:
        self._cancel_timers()
        for kept in (self.incidents, self.events, self.dropped):
            kept.clear()
        self._open.clear()
        self._queued.clear()
        self._recent.clear()

    # HTTP.

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v2/enqueue", self._handle)

    def rate_limited(self, retry_after: str | None) -> web.Response:
        # PagerDuty documents neither a body nor a Retry-After for this answer.
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(status=429, headers=headers)

    def refused(self, name: str) -> web.Response:
        return _invalid([name])

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        event = PdEvent("", self.clock(), {})
        self.events.append(event)
        try:
            event.args = _object(body)
            event.method = str(event.args.get("event_action", ""))
        except ValueError as error:
            event.outcome = "error:unrecognized"
            return _unrecognized(str(error))
        return await self.answer(request, event, lambda: self._accept(event, len(body)))

    def _accept(self, event: PdEvent, size: int) -> web.Response:
        errors = check_event(event.args)
        if size > MAX_BYTES:
            errors.append("Event size exceeds 512 KB")
        if not errors and event.routing_key not in self.routing_keys:
            errors.append("Invalid routing key")
        if errors:
            event.outcome = f"error:{errors[0]}"
            return _invalid(errors)
        if self._over_rate(event.routing_key):
            event.outcome = "limited"
            return self.rate_limited(None)
        event.outcome = "ok"
        event.args["dedup_key"] = event.dedup_key or uuid.uuid4().hex
        self._enqueue(event)
        answer = {
            "status": "success",
            "message": "Event processed",
            "dedup_key": event.dedup_key,
        }
        return web.json_response(answer, status=202)

    def _over_rate(self, key: str) -> bool:
        if self.rate_per_minute is None:
            return False
        now, recent = self.clock(), self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= self.rate_per_minute:
            return True
        recent.append(now)
        return False

    # What events do.

    def _enqueue(self, event: PdEvent) -> None:
        overtakes = self.reorder and event.method != "trigger"
        if self.processing_delay <= 0 or overtakes:
            self._process(event)
            return
        self._queued.append(event)
        loop = asyncio.get_running_loop()

        def due() -> None:
            self._timers.discard(timer)
            # Timers of equal time may fire in any order, so each takes the oldest, not its own.
            if self._queued:
                self._process(self._queued.popleft())

        timer = loop.call_later(self.processing_delay, due)
        self._timers.add(timer)

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _process(self, event: PdEvent) -> None:
        key = (event.routing_key, event.dedup_key)
        incident = self._open.get(key)
        if incident is None and event.method != "trigger":
            event.effect = "dropped"
            self.dropped.append(event)
            return
        if incident is None:
            incident = self._open_incident(event)
            self._open[key] = incident
            event.effect = "opened"
        elif event.method == "trigger":
            event.effect = "logged"
        else:
            event.effect = incident.status = f"{event.method.removesuffix('e')}ed"
        incident.log.append(
            {"action": event.method, "at": event.at, "payload": event.args.get("payload")}
        )
        if event.method == "resolve":
            del self._open[key]

    def _open_incident(self, event: PdEvent) -> PdIncident:
        args, payload = event.args, event.args["payload"]
        incident = PdIncident(
            number=len(self.incidents) + 1,
            routing_key=args["routing_key"],
            dedup_key=args["dedup_key"],
            status="triggered",
            summary=payload["summary"],
            severity=payload["severity"],
            source=payload["source"],
            payload=payload,
            custom_details=payload.get("custom_details", {}),
            links=args.get("links", []),
            images=args.get("images", []),
            client=args.get("client") or "",
            client_url=args.get("client_url") or "",
        )
        self.incidents.append(incident)
        return incident


def _object(body: bytes) -> Json:
    data = json.loads(body)
    # A lone surrogate is valid in JSON's escapes, and no text.
    json.dumps(data, ensure_ascii=False).encode()
    if not isinstance(data, dict):
        raise ValueError("an event is a JSON object")  # noqa: TRY004 - the caller wants one kind
    return data


def _invalid(errors: list[str]) -> web.Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return web.json_response(body, status=400)


def _unrecognized(why: str) -> web.Response:
    body = {"status": "Unrecognized object", "message": "Event object is invalid", "errors": [why]}
    return web.json_response(body, status=400)
