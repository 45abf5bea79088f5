"""Tells another system of incidents: one POST of plain JSON for each change, as it is then.

It pages nobody. Whoever receives it may get the same version twice (the key says so) and may miss
versions between two that came soon after each other, but always gets the last one.
"""

import logging
import uuid
from typing import Any

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientResponseError

from receiver.http_client import A_PAGE, HttpClient, is_web_page
from receiver.incident_json import entries, summary
from receiver.notify.circuit_breaker import CircuitBreaker
from receiver.notify.notifier import (
    Absent,
    Delivered,
    Outcome,
    Receipt,
    Rejected,
    Retry,
    Step,
    Tried,
    View,
    Wait,
)
from receiver.notify.receipt_state import NO_STATE
from receiver.text.retry_after import retry_after

log = logging.getLogger("notify")

SAID_MAX = 200
"""Characters of a refusal that are shown."""
_LIMITED = 429
_GONE = (401, 403, 404, 410)
_ODD = (400, 404)
"""What a proxy says while the service behind it is replaced, too."""


class WebhookNotifier:
    """Posts incidents to the ``url`` of an integration."""

    kind = "webhook"
    state = NO_STATE
    steps = 1
    repeatable = True

    def __init__(
        self, name: str, *, url: str, token: str, timeout: float, connections: int
    ) -> None:
        """``timeout``: seconds for the whole call; ``connections``: at once, at most."""
        self.name = name
        self.timeout = timeout
        self.in_use = 0
        self.breaker = CircuitBreaker(probe_ms=int(timeout * 1000))
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connections = connections
        self._client = HttpClient(timeout=timeout, connections=connections)

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Tell it what it does not know; while its circuit breaker is open, wait.

        Of many that are due at once when it has rested, only the first may go on.
        """
        if receipt.version >= view.incident.version:
            return None
        until = self.breaker.admit(view.now)
        return Wait(until) if until else Step("update")

    def budget(self, _view: View, _step: Step) -> None:
        """It says itself (429) when it gets too much."""

    async def perform(self, view: View, receipt: Receipt, _step: Step) -> Outcome:
        """Post the incident once."""
        self.in_use += 1
        try:
            outcome = await self._post(view, receipt)
        finally:
            self.in_use -= 1
        if isinstance(outcome, Retry) and outcome.cause != "rate_limit":
            if self.breaker.failed(view.now):
                log.warning("%s: circuit breaker opened: %s", self.name, outcome.reason)
        elif self.breaker.succeeded():
            log.warning("%s: circuit breaker closed again", self.name)
        return outcome

    async def find(self, _view: View, _receipt: Receipt) -> Absent:
        """Tell it again: the key of the request makes that harmless."""
        return Absent()

    def recover(self, _view: View) -> Receipt:
        """Tell it again: see ``find``."""
        return Receipt()

    async def check(self) -> Tried:
        """Ask for nothing but an answer (HEAD); whether it takes incidents only one shows."""
        try:
            await self._client.ask(
                "HEAD", self._url, most=SAID_MAX, cut=True, headers=self._headers
            )
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            return Tried(problem=self._unanswered(error).reason)
        return Tried(untried="it answers; whether it takes incidents shows the first one")

    async def send_test(self, text: str) -> str:
        """Post ``{"test": true, "text": ...}``, without an incident."""
        outcome = await self._send(
            {"test": True, "text": text}, {"Idempotency-Key": f"test-{uuid.uuid4().hex}"}
        )
        return outcome.reason if outcome is not None else ""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, view: View, receipt: Receipt) -> Outcome:
        incident = view.incident
        body = {
            "incident": summary(incident) | {"version": incident.version, "url": view.url},
            "timeline": entries(view.timeline, receipt.cursor + 1),
        }
        key = {"Idempotency-Key": f"{incident.id}:{incident.version}"}
        failure = await self._send(body, key)
        if failure is not None:
            return failure
        told = msgspec.structs.replace(
            receipt,
            version=incident.version,
            cursor=receipt.cursor + len(view.timeline),
            delivered_at=view.now,
        )
        return Delivered(told)

    async def _send(self, body: dict[str, Any], more: dict[str, str]) -> Retry | Rejected | None:
        """Post a body once; None: it was taken."""
        headers = self._headers | {"Content-Type": "application/json"} | more
        try:
            answer = await self._client.ask(
                "POST",
                self._url,
                most=SAID_MAX,
                cut=True,
                data=msgspec.json.encode(body),
                headers=headers,
            )
        except (TimeoutError, ClientError, OSError, ValueError) as error:
            return self._unanswered(error)
        if answer.status // 100 != 2:  # noqa: PLR2004 - 2xx
            said = answer.body.decode("utf-8", "replace")
            return _refused(answer.status, said, retry_after(answer.headers))
        if is_web_page(answer.body):
            return Retry(A_PAGE.format(answer.status), cause="server", unknown=True)
        return None

    def _unanswered(self, error: Exception) -> Retry:
        if isinstance(error, TimeoutError):
            return Retry(f"no answer within {self.timeout:g} s", cause="timeout", unknown=True)
        if isinstance(error, ClientConnectorError):
            words = error.os_error.strerror or type(error).__name__
            return Retry(f"cannot connect: {words}", cause="network")
        if isinstance(error, ClientResponseError):
            # Its text has the whole address, and some put what authorizes into the path.
            return Retry(f"not an answer of HTTP: {error.message}", cause="network", unknown=True)
        words = str(error).replace(self._url, "its url")
        return Retry(words or type(error).__name__, cause="network", unknown=True)


def _refused(status: int, said: str, after: int | None) -> Retry | Rejected:
    words = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    reason = f"answers {status}" + (f": {words}" if words else "")
    if status == _LIMITED:
        return Retry(reason, after=after, cause="rate_limit")
    if status >= 500:  # noqa: PLR2004 - HTTP
        return Retry(reason, after=after, cause="server")
    cause = "access" if status in _GONE[:2] else "other"
    return Rejected(reason, repairable=status in _GONE, cause=cause, odd=status in _ODD)
