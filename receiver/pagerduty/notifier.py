"""PagerDuty: what one routing key lacks, and one event of it at a time.

A 202 means "queued", so an acknowledge or resolve goes out some seconds after the trigger was
accepted, and once more later.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from receiver.notify.notifier import (
    Absent,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    Step,
    Tried,
    View,
    Wait,
)
from receiver.notify.rate_budget import Budget, key_of
from receiver.pagerduty.event import dedup_key, episode_of, is_of, trigger_event
from receiver.pagerduty.events_api import EventsApi
from receiver.pagerduty.receipt import STATE, AlertKey
from routing.incident import Incident
from routing.receipt import Attempt, Receipt

SETTLE_AFTER_MS = 5_000
"""An acknowledge that overtakes its trigger is dropped by PagerDuty."""
BURST = 20
CONFIRM_AFTER_MS = 60_000
ASK_WITHIN_S = 3.0
CHECK_KEY, TEST_KEY = "incident-manager-check-", "incident-manager-test-"
"""How the keys begin of what is no incident of ours."""
FINISHED_KEPT = 20
"""Finished alerts a receipt remembers; one that flaps for weeks would fill it without end."""
_STATES = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
_ACTIONS = {state: action for action, state in _STATES.items()}


class PagerDutyNotifier:
    """Brings one PagerDuty service (one routing key) up to date."""

    kind = "pagerduty"
    state = STATE
    steps = 1
    repeatable = False

    def __init__(  # noqa: PLR0913 - each of them is given by name
        self,
        name: str,
        *,
        routing_key: str,
        base_url: str,
        timeout: float = 10.0,
        settle_after_ms: int = SETTLE_AFTER_MS,
        confirm_after_ms: int = CONFIRM_AFTER_MS,
        nobody: Callable[[], Awaitable[bool]] | None = None,
        per_minute: int = 0,
    ) -> None:
        """``timeout`` in seconds, for the whole of a call; ``per_minute``: calls (0: no limit).

        ``nobody`` tells, within ``ASK_WITHIN_S``, whether a page would ring nobody.
        """
        self.name = name
        self.timeout = timeout + (ASK_WITHIN_S if nobody is not None else 0)
        self._nobody = nobody
        self._budget = Budget(key_of("pagerduty", routing_key), per_minute, BURST)
        self._settle_after = settle_after_ms
        self._confirm_after = confirm_after_ms
        self._api = EventsApi(name, routing_key, base_url, timeout)

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Name the most urgent thing PagerDuty lacks: triggers, then what follows them."""
        incident, page, attempt = view.incident, view.page, receipt.attempt
        keys = STATE.of(receipt).keys
        known = {key.dedup_key for key in keys}
        tried = attempt is not None and attempt.what == "trigger" and attempt.key not in known
        if tried and attempt is not None and is_of(attempt.key, incident):
            # It may have been accepted: the same key again is harmless, a forgotten alert is not.
            return Step("trigger", seq=attempt.seq, key=attempt.key)
        if _page_is_wanted(view, receipt):
            return Step("trigger", seq=page.seq, key=dedup_key(incident, page.seq, page.since))
        lacking = [
            (ready, key) for key in keys if (ready := self._ready(incident, key)) is not None
        ]
        due = [key for ready, key in lacking if ready <= view.now]
        if due:
            # Of several an alert in the wrong state goes first; a confirmation can wait.
            key = min(due, key=lambda key: key.state == self._wanted(incident, key))
            return Step(_ACTIONS[self._wanted(incident, key)], key=key.dedup_key)
        return Wait(min(ready for ready, _ in lacking)) if lacking else None

    def _ready(self, incident: Incident, key: AlertKey) -> int | None:
        """Return from when on (ms) the next event of an alert may go out; None: it needs none."""
        wanted = self._wanted(incident, key)
        if wanted == "triggered":
            return None
        given_back = wanted == "acknowledged" and key.at < incident.unacknowledged_at
        if key.state != wanted or given_back:
            return key.at + self._settle_after
        return None if key.confirmed else key.at + self._confirm_after

    def _wanted(self, incident: Incident, key: AlertKey) -> str:
        return _wanted(incident, key, self.name)

    def budget(self, _view: View, _step: Step) -> Budget:
        """Every event of a routing key counts."""
        return self._budget

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Send one event."""
        properties: dict[str, Any] = {}
        if step.what == "trigger":
            if await self._rings_nobody():
                return Rejected("nobody is on call in PagerDuty")
            properties = trigger_event(view)
            if "client_url" in properties:
                # PagerDuty's webhooks repeat it: so they say which alert of ours they are about.
                properties["client_url"] += f"#{step.key}@{self.name}"
        started = time.monotonic()
        failure = await self._api.send(step.what, step.key, properties)
        if failure is not None:
            return failure
        # What may follow only later is counted from the 202, not from before a slow call.
        accepted_at = view.now + int((time.monotonic() - started) * 1000)
        return Delivered(_advance(view, receipt, step, accepted_at, self.name))

    async def _rings_nobody(self) -> bool:
        """Ask who is on call; no answer in time is no reason to keep a page back."""
        if self._nobody is None:
            return False
        try:
            async with asyncio.timeout(ASK_WITHIN_S):
                return await self._nobody()
        except TimeoutError:
            return False

    async def find(self, _view: View, _receipt: Receipt) -> Absent:
        """Send it again: under the same dedup_key PagerDuty makes one alert of both."""
        return Absent()

    def recover(self, view: View) -> Receipt:
        """Send the page again: under the same dedup_key PagerDuty makes one alert of both.

        When it is not wanted any more, what may be open there is brought to its end.
        """
        incident, page = view.incident, view.page
        keys = tuple(
            AlertKey(dedup_key(incident, seq, page.since), seq, incident.episode, "triggered")
            for seq in range(max(page.since, page.seq - FINISHED_KEPT), page.seq + 1)
        )
        if not incident.wants(page):
            return STATE.with_keys(Receipt(paged_seq=page.seq), keys)
        again = Attempt("trigger", view.now, page.seq, keys[-1].dedup_key)
        return STATE.with_keys(Receipt(attempt=again), keys[:-1])

    async def check(self) -> Tried:
        """Resolve an alert that never was: PagerDuty validates the event and drops it.

        Whether the service behind the key is enabled, and whom it rings, no event tells.
        """
        failure = await self._api.send("resolve", f"{CHECK_KEY}{uuid.uuid4().hex}", {})
        if failure is None:
            return Tried(works=True, untried="whether its service is enabled and rings somebody")
        if isinstance(failure, Retry) and failure.cause == "rate_limit":
            return Tried(untried=failure.reason, passing=True)
        return Tried(problem=failure.reason)

    async def send_test(self, text: str) -> str:
        """Open an alert of the lowest severity, and resolve it once PagerDuty has it."""
        key = f"{TEST_KEY}{uuid.uuid4().hex}"
        payload = {"summary": text, "source": "incident-manager", "severity": "info"}
        failure = await self._api.send("trigger", key, {"payload": payload})
        if failure is not None and not (isinstance(failure, Retry) and failure.unknown):
            return failure.reason
        after = None
        try:
            # A resolve that overtakes its trigger is dropped.
            await asyncio.sleep(self._settle_after / 1000)
        finally:
            # Whoever is impatient leaves no alert open.
            after = await self._api.send("resolve", key, {})
        found = failure or after
        return found.reason if found is not None else ""

    async def close(self) -> None:
        """Let go of the threads; one that hangs in a request does not hold up the exit."""
        await self._api.close()


def _page_is_wanted(view: View, receipt: Receipt) -> bool:
    settled = max(receipt.paged_seq, receipt.failed_seq)
    return view.incident.wants(view.page) and view.page.seq > settled


def _wanted(incident: Incident, key: AlertKey, name: str) -> str:
    """Return the state one alert of the notifier ``name`` should have.

    While the incident is triggered none is acknowledged: PagerDuty acknowledges whole incidents,
    and may have grouped the new page into the one of an old alert. A page that insists is not
    acknowledged by an answer from before it.
    """
    over = incident.state == "resolved" or key.episode < incident.episode
    if over or key.state == "resolved":
        return "resolved"
    if incident.state == "snoozed":
        # PagerDuty's own escalation has to stand still too.
        return "acknowledged"
    answered = name in incident.pages and key.seq <= incident.pages[name].answered_seq
    return "acknowledged" if incident.state == "acknowledged" and answered else "triggered"


def _advance(view: View, receipt: Receipt, step: Step, accepted_at: int, name: str) -> Receipt:
    """Return the receipt after an accepted event."""
    keys = {key.dedup_key: key for key in STATE.of(receipt).keys}
    state = _STATES[step.what]
    known = keys.get(step.key)
    if known is None:
        # A repeated trigger may be of an episode that is over by now.
        known = AlertKey(step.key, step.seq, episode_of(step.key))
    confirmed = step.what != "trigger" and known.state == state
    keys[step.key] = msgspec.structs.replace(
        known, state=state, at=accepted_at, confirmed=confirmed
    )
    kept = _kept(tuple(keys.values()))
    told = STATE.with_keys(
        receipt,
        kept,
        paged_seq=max(receipt.paged_seq, step.seq),
        delivered_at=accepted_at,
    )
    behind = _page_is_wanted(view, told) or any(
        _wanted(view.incident, key, name) not in ("triggered", key.state) for key in kept
    )
    return told if behind else msgspec.structs.replace(told, version=view.incident.version)


def _kept(keys: tuple[AlertKey, ...]) -> tuple[AlertKey, ...]:
    finished = [key for key in keys if key.state == "resolved" and key.confirmed]
    forgotten = {key.dedup_key for key in finished[:-FINISHED_KEPT]}
    return tuple(key for key in keys if key.dedup_key not in forgotten)
