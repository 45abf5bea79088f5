"""POST /v1/alerts/webhook: a payload goes in, and 2xx comes out only after it is durable.

Answers: 202 durable (also for parseable junk, which is put aside as a dead letter); 400 not JSON;
401; 413; 503 try again. Never 429 and never a redirect: Alertmanager retries 5xx alone, and turns a
redirected POST into a GET whose 200 loses the alert.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from receiver.aio.off_the_loop import off_the_loop
from receiver.clock import Clock
from receiver.engine.floods import quota_of
from receiver.errors import PayloadError
from receiver.http.asked.spec import Parameter, Spec
from receiver.http.principal import Principal
from receiver.http.routes import Who, principal_of, serves
from receiver.http.server import WEBHOOK
from receiver.intake.answer_shapes import Accepted, Beaten, Notification, PutAside
from receiver.intake.heartbeats import Heartbeats
from receiver.intake.hints import Hints
from receiver.intake.payload import JunkPayloadError, Payload
from receiver.intake.payload_lenient import RAW_OF
from receiver.intake.taking import Taking, Understood
from receiver.observability.correlation import caller
from receiver.observability.metrics.registry import Metrics
from receiver.problem import problem
from receiver.store.dead_letters import ALERTS, Around, DeadLetter, DeadLetterStore
from receiver.text.visible import clean_text

log = logging.getLogger("webhook")
RAW_KEPT = 16_384
"""Bytes of a notification that are kept: most are shorter, and can be sent again."""
LARGE_BYTES = 131_072
"""From here on a body is read in a thread: some 2 ms of work, of which the largest takes 0.5 s."""
OBJECTS = 1_500
"""So many objects are as much work, in however few bytes: a body of 60 KB can be 20,000 alerts."""
PUT_ASIDE = RAW_OF
"""Alerts of one notification that are put aside and named; of the rest it is said how many."""
SENDER_MAX = 100
CLUSTER_MAX = 200
UNSEEN = ("tombstone", "damaged")
"""States of what a notification opened no incident for."""


CLUSTER = Parameter("cluster", "the cluster that the alerts are of")
TAKEN = Spec({202: (Accepted, PutAside)}, (CLUSTER,), (Notification, Any), lenient=True)


class WebhookEndpoint:
    """Takes Alertmanager's notifications, and what others make of that format."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it puts together
        self,
        taking: Taking,
        dead_letters: DeadLetterStore,
        clock: Clock,
        metrics: Metrics,
        heartbeats: Heartbeats,
        hints: Hints,
        owner_of: Callable[[str], str],
    ) -> None:
        """``owner_of(cluster)``: the credential that it belongs to, "" for none."""
        self._taking = taking
        self._owner_of = owner_of
        self._hints = hints
        self._heartbeats = heartbeats
        self._dead_letters = dead_letters
        self._clock = clock
        self._metrics = metrics

    @serves("POST", WEBHOOK, Who.SENDER, durable=True, spec=TAKEN)
    # A slash too many must not cost an alert, and a redirect would.
    @serves("POST", f"{WEBHOOK}/", Who.SENDER, durable=True)
    async def handle(self, request: web.Request) -> web.Response:
        """POST /v1/alerts/webhook: Alertmanager's notification; 202 once it is durable."""
        started = time.perf_counter()
        credential = principal_of(request)
        body = await _read(request)
        sender = clean_text(request.headers.get("User-Agent", ""), SENDER_MAX)
        cluster = await self._cluster(request, credential)
        read = functools.partial(self._understand, body, cluster, self._clock.now())
        try:
            found = await off_the_loop(read) if _is_much(body) else read()
        except JunkPayloadError as error:
            return await self._put_aside(error, body, sender, cluster)
        del body, read  # what waits for its commit should be small
        payload = found.payload
        if payload.rejected:
            await self._put_aside_alerts(payload, sender, cluster)
        for name in found.beaten:
            await self._heartbeats.beat(name)
        quota = quota_of(credential, cluster)
        outcomes, unwatched = await self._taking.commit(found, quota, started)
        incidents = [
            outcome.incident.id
            for outcome in outcomes
            if outcome.incident is not None and outcome.incident.state not in UNSEEN
        ]
        answer: Accepted = {"status": "accepted", "incidents": incidents}
        if unwatched:
            answer["unwatched_heartbeats"] = unwatched
        if payload.rejected:
            answer["rejected"] = [item.reason for item in payload.rejected[:PUT_ASIDE]]
            if (more := len(payload.rejected) - PUT_ASIDE) > 0:
                answer["rejected"].append(f"and {more} more")
        return web.Response(
            status=202, body=msgspec.json.encode(answer), content_type="application/json"
        )

    async def _cluster(self, request: web.Request, credential: Principal | None) -> str:
        """Return the cluster that alerts are of: the credential's own, else the one it says.

        What belongs to another credential is nobody else's to say: the alerts are taken as of no
        cluster, for an answer that refuses them would have Alertmanager drop them.
        """
        own = credential.cluster if credential else ""
        said = " ".join(clean_text(request.query.get("cluster", ""), CLUSTER_MAX).split())
        if own or not said or not self._owner_of(said):
            return own or said
        await self._hints.foreign(said)
        return ""

    def _understand(self, body: bytes, cluster: str, now: int) -> Understood:
        payload = self._taking.read(body, now)
        return self._taking.understand(payload, cluster, str(caller.get()))

    @serves(
        "POST",
        "/v1/heartbeats/{name}",
        Who.SENDER,
        durable=True,
        spec=Spec({202: Beaten}, lenient=True),
    )
    async def beat(self, request: web.Request) -> web.Response:
        """POST /v1/heartbeats/{name}: 202 once the beat is durable, 404 for an unknown name."""
        name = request.match_info["name"]
        if not await self._heartbeats.beat(name):
            known = ", ".join(self._heartbeats.names) or "none"
            text = f"no heartbeat {name!r} is configured (configured: {known})"
            return problem(404, text, place="name")
        return web.json_response({"status": "accepted", "heartbeat": name}, status=202)

    async def _put_aside(
        self, error: PayloadError, body: bytes, sender: str, cluster: str
    ) -> web.Response:
        """Keep parseable junk: refusing it would have the sender repeat it for ever."""
        letter = DeadLetter(
            self._clock.now(),
            error.message,
            error.position,
            body[:RAW_KEPT].decode("utf-8", "replace"),
            sender,
            cut=len(body) > RAW_KEPT,
            door=ALERTS,
            cluster=cluster,
            sent_by=str(caller.get()),
        )
        await self._dead_letters.push([letter])
        self._metrics.dead_letter("payload")
        log.warning("dead letter: %s", error, extra={"status": "dead_letter"})
        answer: PutAside = {
            "status": "dead_letter",
            "detail": error.message,
            "place": error.position,
        }
        return web.json_response(answer, status=202)

    async def _put_aside_alerts(self, payload: Payload, sender: str, cluster: str) -> None:
        now = self._clock.now()
        around = Around(
            payload.receiver,
            payload.group_key,
            payload.group_labels,
            payload.external_url,
            payload.source,
            alone=not payload.alerts and len(payload.rejected) == 1,
        )
        letters = [
            DeadLetter(
                now,
                item.reason,
                f"$.alerts[{item.index}]",
                item.raw,
                sender,
                cut=item.cut,
                door=ALERTS,
                cluster=cluster,
                sent_by=str(caller.get()),
                around=around,
                taken=item.kept,
            )
            for item in payload.rejected[:PUT_ASIDE]
        ]
        number = len(payload.rejected)
        if number > PUT_ASIDE:
            words = f"{number - PUT_ASIDE} more alerts of this notification were put aside"
            letters.append(DeadLetter(now, words, "$.alerts", "", sender))
        await self._dead_letters.push(letters)
        self._metrics.dead_letter("alert", number)
        log.warning("%d alerts of a payload put aside: %s", number, letters[0].reason)


def _is_much(body: bytes) -> bool:
    """Return whether reading a body would hold the event loop."""
    return len(body) > LARGE_BYTES or body.count(b"{") > OBJECTS


async def _read(request: web.Request) -> bytes:
    """Return the body; HTTP 413 over the bound. ``request.read`` would keep it to the end."""
    chunks, size, most = [], 0, request.client_max_size
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > most:
            raise web.HTTPRequestEntityTooLarge(most)
        chunks.append(chunk)
    return b"".join(chunks)
