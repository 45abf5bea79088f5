"""POST /v1/pagerduty/webhook: what somebody does in PagerDuty becomes an event like any other.

The answer is 202 once the change is durable or known to change nothing; PagerDuty waits 5 s and
sends again for 48 hours on 5xx, and never after another refusal. Its signature has no time in it:
an event is applied once, and refused when it is older than its id is remembered.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TypedDict

from aiohttp import web

from receiver.clock import Clock
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.asked.body import read_signed
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.observability.metrics.registry import Metrics
from receiver.pagerduty.incident_match import Match, PagerDutyOrigin
from receiver.pagerduty.webhook_payload import Told, is_signed, read_event
from receiver.store.dead_letters import DeadLetter, DeadLetterStore
from receiver.store.incidents import LONG_EVENT, LONG_EVENT_TTL
from receiver.text.visible import clean_text
from routing.incident_parts import Actor
from routing.person_event import (
    Acknowledged,
    Escalated,
    Noted,
    PersonEvent,
    Reassigned,
    Reopened,
    Resolved,
    Unacknowledged,
)
from routing.vocabulary import Reason

log = logging.getLogger("pagerduty_webhook")

ANSWER_WITHIN_S = 4.5
"""PagerDuty counts what takes more than 5 s as failed."""
TOO_OLD_MS = LONG_EVENT_TTL - 3_600_000
RAW_KEPT = 4_096
APPLIED = frozenset(
    {
        Reason.ACKNOWLEDGED,
        Reason.UNACKNOWLEDGED,
        Reason.RESOLVED,
        Reason.REOPENED,
        Reason.ASSIGNED,
        Reason.ESCALATED,
        Reason.NOTED,
    }
)
_STATE = {"acknowledged": "acknowledged", "resolved": "resolved", "unacknowledged": "triggered"}
"""The state in which an event leaves PagerDuty's incident."""


class Taken(TypedDict):
    """What became of it, in a word of `incident_manager_pagerduty_webhooks_total`."""

    result: str


class PagerDutyWebhookEndpoint:
    """Takes PagerDuty's webhooks v3."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        origin: PagerDutyOrigin,
        dead_letters: DeadLetterStore,
        secrets: Sequence[str],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """``secrets``: those of the webhook subscription, two while one replaces the other."""
        self._dispatcher = dispatcher
        self._origin = origin
        self._dead_letters = dead_letters
        self.trust(secrets)
        self._clock = clock
        self._metrics = metrics
        self._under_way: dict[str, asyncio.Task[str]] = {}

    def trust(self, secrets: Sequence[str]) -> None:
        """Believe what is signed with one of these, and nothing else."""
        self._secrets = [secret.encode() for secret in secrets]

    async def close(self) -> None:
        """Finish what nobody waits for any more."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=ANSWER_WITHIN_S)

    @serves(
        "POST",
        "/v1/pagerduty/webhook",
        Who.PAGERDUTY,
        durable=True,
        spec=Spec({202: Taken}, lenient=True),
    )
    async def handle(self, request: web.Request) -> web.Response:
        """POST /v1/pagerduty/webhook: a webhook v3; 202 once it is durable."""
        body = await self._verified(request)
        try:
            told = read_event(body)
        except PayloadError as error:
            await self._put_aside(error, body, request)
            return self._answer("dead_letter")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                outcome = await self._once(told)
        except TimeoutError:
            self._count("unavailable")
            raise StoreUnavailableError("the change is not stored yet") from None
        except StoreUnavailableError:
            self._count("unavailable")
            raise
        log.log(
            logging.DEBUG if outcome in ("unmapped", "ignored") else logging.INFO,
            "%s of %s by %s: %s",
            told.kind,
            told.incident or "-",
            told.actor.name,
            outcome,
            extra={"webhook": request.headers.get("X-Webhook-Id", "")[:80]},
        )
        return self._answer(outcome)

    def _answer(self, outcome: str) -> web.Response:
        self._count(outcome)
        return web.json_response({"result": outcome}, status=202)

    def _count(self, outcome: str) -> None:
        self._metrics.observe("incident_manager_pagerduty_webhooks_total", 1, {"outcome": outcome})

    async def _verified(self, request: web.Request) -> bytes:
        """Return the body, once it is known to be PagerDuty's."""
        if not self._secrets:
            self._count("refused")
            raise web.HTTPForbidden(
                text="pagerduty.webhook_secret is not configured, so nobody can be believed\n"
            )
        # The header may come more than once; that is one list.
        header = ",".join(request.headers.getall("X-PagerDuty-Signature", []))
        body = await read_signed(request) if header else b""
        if not header or not is_signed(header, body, self._secrets):
            self._count("refused")
            raise web.HTTPUnauthorized(text="the PagerDuty signature is wrong\n")
        return body

    async def _put_aside(self, error: PayloadError, body: bytes, request: web.Request) -> None:
        raw = body[:RAW_KEPT].decode("utf-8", "replace")
        sender = clean_text(request.headers.get("User-Agent", ""), 100)
        letter = DeadLetter(self._clock.now(), error.message, error.position, raw, sender)
        await self._dead_letters.push([letter])
        self._metrics.dead_letter("event")
        log.warning("dead letter: %s", error, extra={"status": "dead_letter"})

    async def _once(self, told: Told) -> str:
        """Take an event; copies that come at the same time wait for the same outcome.

        Those that come later, or at another replica, are known by the commit.
        """
        if not told.what or told.at < self._clock.now() - TOO_OLD_MS:
            return "ignored"
        task = self._under_way.get(told.id)
        if task is not None:
            await asyncio.shield(task)
            return "duplicate"
        task = self._under_way[told.id] = asyncio.create_task(self._take(told))
        task.add_done_callback(lambda done: self._forget(told.id, done))
        # Whoever hangs up, or a time-out here, must not leave half of the change behind.
        return await asyncio.shield(task)

    def _forget(self, event: str, done: "asyncio.Task[str]") -> None:
        self._under_way.pop(event, None)
        if not done.cancelled():
            done.exception()

    async def _take(self, told: Told) -> str:
        matches = await self._origin.find(told)
        if told.merged_into:
            # Its alerts live on in another incident: that is no end of ours.
            await self._origin.merge(told.incident, told.merged_into)
            return "learned" if matches else "unmapped"
        if not matches:
            return "unmapped"
        if told.what == "triggered":
            return "learned"
        if _is_our_acknowledge(told, matches):
            return "echo"
        found = await asyncio.gather(*(self._apply(told, match) for match in matches))
        return next(word for word in _ORDER if word in found)

    async def _apply(self, told: Told, match: Match) -> str:
        """Apply an event to one incident; return what became of it."""
        state = _STATE.get(told.what, "")
        human = told.actor.human
        if not human and told.what == "resolved" and match.is_sent(state):
            return "echo"
        event = _event(told, match)
        if event is None:
            return "ignored"
        # Noted first, so that nothing is sent which PagerDuty knows. For automation afterwards: if
        # this failed in between, the note would make an echo of the next attempt.
        first = bool(state) and (human or state == "triggered")
        if first:
            await self._origin.note(match, state)
        event_id = f"{LONG_EVENT}{told.id}:{match.incident.id}"
        outcome = await self._dispatcher.submit(event, match.incident.id, event_id)
        duplicate = outcome.reason == Reason.DUPLICATE
        if state and not first and not duplicate:
            await self._origin.note(match, state)
        incident = outcome.incident
        if told.what == "reopened" and incident is not None and incident.is_open:
            # From now on it stands for the new episode, and ends with it.
            await self._origin.note(match, "triggered", incident.episode)
        if duplicate:
            return "duplicate"
        return "applied" if outcome.reason in APPLIED else "unchanged"


def _is_our_acknowledge(told: Told, matches: list[Match]) -> bool:
    """Return whether we did it ourselves, through the alert of any one of our incidents.

    PagerDuty acknowledges whole incidents. For the others it has grouped there nobody has answered.
    """
    if told.what != "acknowledged" or told.actor.human:
        return False
    return any(match.is_sent("acknowledged") for match in matches)


_ORDER = ("applied", "unchanged", "duplicate", "echo", "ignored")


_PLAIN: dict[str, type[Acknowledged | Resolved]] = {
    "acknowledged": Acknowledged,
    "resolved": Resolved,
}
_RUNG: dict[str, type[Unacknowledged | Reopened]] = {
    "unacknowledged": Unacknowledged,
    "reopened": Reopened,
}


def _event(told: Told, match: Match) -> PersonEvent | None:
    """Return the event for one incident, None where there is nothing to say."""
    actor, episode = told.actor, match.episode
    if told.what in _PLAIN:
        return _PLAIN[told.what](actor, episode)
    if told.what in _RUNG:
        return _RUNG[told.what](actor, episode, match.notifier)
    if told.what == "escalated":
        return Escalated(actor, episode, f"in PagerDuty, to {told.names or 'nobody'}", True)
    if told.what == "reassigned" and told.names:
        return Reassigned(actor, Actor(name=told.names, via="pagerduty"), episode)
    return Noted(actor, told.text, episode) if told.what == "noted" and told.text else None
