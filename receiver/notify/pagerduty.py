"""PagerDuty through pdpyras: one request a call, no sleeping, threads of our own.

pdpyras retries by sleeping, 429 without limit. All of that is switched off: only the agenda
retries. A 202 means "queued", so an acknowledge or resolve goes out some seconds after the trigger
was accepted, and once more later.
"""

import asyncio
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from receiver.notify.base import Absent, Delivered, Outcome, Rejected, Retry, Step, View, Wait
from receiver.notify.pagerduty_event import dedup_key, trigger_event
from routing.receipt import AlertKey, Receipt

with warnings.catch_warnings():
    # Importing pdpyras warns that it is frozen; ADR 7 says why it is used all the same.
    warnings.simplefilter("ignore")
    import pdpyras
    import requests

log = logging.getLogger("notify.pagerduty")

SETTLE_AFTER_MS = 5_000
"""An acknowledge that overtakes its trigger is dropped by PagerDuty."""
CONFIRM_AFTER_MS = 60_000
RATE_LIMIT_MS = 60_000
"""About 120 calls a minute and key, over a sliding minute; no Retry-After is documented."""
THREADS = 4
_STATES = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
_ORDER = ("", "triggered", "acknowledged", "resolved")


class PagerDutyNotifier:
    """Brings one PagerDuty service (one routing key) up to date."""

    kind = "pagerduty"
    steps = 1

    def __init__(
        self,
        name: str,
        *,
        routing_key: str,
        base_url: str,
        timeout: float = 10.0,
        settle_after_ms: int = SETTLE_AFTER_MS,
        confirm_after_ms: int = CONFIRM_AFTER_MS,
    ) -> None:
        """``timeout`` in seconds, for the whole of a call."""
        self.name = name
        self.timeout = timeout
        self._routing_key = routing_key
        self._base_url = base_url
        self._settle_after = settle_after_ms
        self._confirm_after = confirm_after_ms
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=f"pagerduty-{name}")
        self._local = threading.local()

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        """Name the most urgent thing PagerDuty lacks: triggers, then what follows them."""
        incident, page = view.incident, view.page
        known = {key.dedup_key for key in receipt.keys}
        attempt = receipt.attempt
        if attempt is not None and attempt.what == "trigger" and attempt.key not in known:
            # It may have been accepted: the same key again is harmless, a forgotten alert is not.
            return Step("trigger", seq=attempt.seq, key=attempt.key)
        if incident.state == "triggered" and page.seq > receipt.paged_seq:
            return Step("trigger", seq=page.seq, key=dedup_key(incident, page.seq, page.since))
        waits = []
        for key in receipt.keys:
            step = self._follow(view, key)
            if isinstance(step, Step):
                return step
            if step is not None:
                waits.append(step.until)
        return Wait(min(waits)) if waits else None

    def _follow(self, view: View, key: AlertKey) -> Step | Wait | None:
        """Bring one alert of ours to the incident's state, and confirm it once."""
        incident = view.incident
        over = key.episode < incident.episode or incident.state == "resolved"
        wanted = "resolved" if over else incident.state
        action = {"resolved": "resolve", "acknowledged": "acknowledge"}.get(wanted)
        if action is None or _ORDER.index(key.state) > _ORDER.index(wanted):
            return None
        if key.state != wanted:
            ready = key.at + self._settle_after
        elif not key.confirmed:
            ready = key.at + self._confirm_after
        else:
            return None
        return Wait(ready) if ready > view.now else Step(action, key=key.dedup_key)

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Send one event; classify by status code whatever pdpyras makes of the answer."""
        properties: dict[str, Any] = trigger_event(view) if step.what == "trigger" else {}
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._executor, self._send, step.what, step.key, properties)
        try:
            await asyncio.wait_for(call, self.timeout + 1)
        except TimeoutError:
            return Retry("no answer in time", unknown=True)
        except pdpyras.PDClientError as error:
            failure = _classify(error)
            if failure is not None:
                return failure
        except requests.RequestException as error:
            return Retry(_network(error), unknown=True)
        return Delivered(_advance(view, receipt, step))

    def _send(self, action: str, key: str, properties: dict[str, Any]) -> None:
        """Make the one request (in a thread: a requests.Session is used by one at a time)."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = pdpyras.EventsAPISession(self._routing_key)
            session.url = self._base_url
            # Any negative limit but -1 gives up at once; 0 would mean the endless default.
            session.retry.clear()
            session.retry[429] = -2
            session.max_network_attempts = 0
            session.timeout = self.timeout
            self._local.session = session
        session.send_event(action, dedup_key=key, **properties)

    async def find(self, _view: View, _receipt: Receipt) -> Absent:
        """Send it again: under the same dedup_key PagerDuty makes one alert of both."""
        return Absent()

    async def close(self) -> None:
        """Let go of the threads; one that hangs in a request must not hold up the exit."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _advance(view: View, receipt: Receipt, step: Step) -> Receipt:
    """Return the receipt after an accepted event."""
    keys = {key.dedup_key: key for key in receipt.keys}
    state = _STATES[step.what]
    known = keys.get(step.key)
    if known is None:
        known = AlertKey(step.key, step.seq or view.page.seq, view.incident.episode)
    confirmed = step.what != "trigger" and known.state == state
    keys[step.key] = msgspec.structs.replace(known, state=state, at=view.now, confirmed=confirmed)
    return msgspec.structs.replace(
        receipt,
        keys=tuple(keys.values()),
        paged_seq=max(receipt.paged_seq, step.seq),
        version=view.incident.version,
        delivered_at=view.now,
    )


def _classify(error: Any) -> Retry | Rejected | None:
    """Return what an error of pdpyras means, None when the event was accepted all the same.

    By the status code alone: of 5xx pdpyras recognises only 500, and a 202 without a dedup_key in
    its body raises too.
    """
    response = error.response
    if response is None:
        return Retry(_network(error), unknown=not _refused(error))
    status = response.status_code
    if status == 202:  # noqa: PLR2004 - HTTP
        return None
    if status == 429:  # noqa: PLR2004 - HTTP
        return Retry("429: rate limited", after=_retry_after(response))
    if status >= 500 or status == 408:  # noqa: PLR2004 - HTTP
        return Retry(f"HTTP {status}", unknown=True)
    return Rejected(f"HTTP {status}: {_reasons(response)}")


def _retry_after(response: Any) -> int:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return RATE_LIMIT_MS
    return int(min(max(seconds, 1.0), 600.0) * 1000) if seconds == seconds else RATE_LIMIT_MS  # noqa: PLR0124 - NaN


def _reasons(response: Any) -> str:
    """Return PagerDuty's own words, which pdpyras cuts at 100 characters."""
    try:
        body = response.json()
        found = body.get("errors") or [body.get("message")]
        return "; ".join(str(item) for item in found)[:500]
    except (ValueError, AttributeError):
        return "no reason given"


def _refused(error: BaseException) -> bool:
    """Return whether the connection was never made, so that nothing can have been applied."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError) or "refused" in str(seen).lower():
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _network(error: BaseException) -> str:
    return f"network: {str(error)[:200] or type(error).__name__}"
