"""One request to PagerDuty's Events API through pdpyras, and what its answer means.

pdpyras retries by sleeping, 429 without limit. All of that is switched off: only the agenda
retries. Its calls block, so they are made in threads of our own.
"""

import asyncio
import queue
import threading
import warnings
from concurrent.futures import Future
from typing import Any

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from receiver.notify.base import Rejected, Retry

with warnings.catch_warnings():
    # Importing pdpyras warns that it is frozen; ADR 7 says why it is used all the same.
    warnings.simplefilter("ignore")
    import pdpyras
    import requests

RATE_LIMIT_MS = 60_000
"""About 120 calls a minute and key, over a sliding minute; no Retry-After is documented."""
BLOCKED_MS = 5_000
"""The minute slides: others under the same key may well get through before it is over."""
RETRY_AFTER_MAX_S = 600.0
THREADS = 4
CLOSE_WITHIN_S = 0.5
REASON_MAX = 500

_Job = tuple[Future[None], str, str, dict[str, Any]]


class EventsApi:
    """Calls with one routing key, at most four at once.

    The threads are daemons: those of an executor are waited for at exit, for ever when an answer
    trickles in without end. A requests.Session is not safe to share, so each thread has its own.
    """

    def __init__(self, name: str, routing_key: str, base_url: str, timeout: float) -> None:
        """``timeout`` in seconds, for the whole of a call with its time in the queue."""
        self._name = name
        self._routing_key = routing_key
        self._base_url = base_url
        self._timeout = timeout
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def send(
        self, action: str, key: str, properties: dict[str, Any]
    ) -> Retry | Rejected | None:
        """Send one event with one request; return None when it was accepted.

        Classified by the status code, whatever pdpyras makes of the answer. Never raises for what
        PagerDuty or the network does.
        """
        if self._closed:
            return Retry("shutting down")
        if len(self._threads) < THREADS:
            name = f"pagerduty-{self._name}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        call: Future[None] = Future()
        self._jobs.put((call, action, key, properties))
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.wrap_future(call)
        except TimeoutError:
            # What could still be cancelled had not begun. What has begun runs on in its thread.
            return Retry("no answer in time", unknown=not call.cancel(), cause="timeout")
        except pdpyras.PDClientError as error:
            return _classify(error)
        return None

    async def close(self) -> None:
        """End the threads; one that hangs in a request is left behind."""
        self._closed = True
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is not None:
                job[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        until = asyncio.get_running_loop().time() + CLOSE_WITHIN_S
        while any(thread.is_alive() for thread in self._threads):
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(0.005)

    def _work(self) -> None:
        with self._session() as session:
            while (job := self._jobs.get()) is not None:
                call, action, key, properties = job
                if not call.set_running_or_notify_cancel():
                    continue
                try:
                    session.send_event(action, dedup_key=key, **properties)
                except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                    call.set_exception(error)
                else:
                    call.set_result(None)

    def _session(self) -> Any:
        session = pdpyras.EventsAPISession(self._routing_key)
        session.url = self._base_url
        # Any negative limit but -1 gives up at once; 0 would mean the endless default.
        session.retry.clear()
        session.retry[429] = -2
        session.max_network_attempts = 0
        # The routing key is in the body, and would go wherever a redirect points.
        session.max_redirects = 0
        # To connect, and between two pieces of the answer: together less than the whole.
        session.timeout = (self._timeout * 0.3, self._timeout * 0.6)
        return session


def _classify(error: Any) -> Retry | Rejected | None:
    """Return what an error of pdpyras means, None when the event was accepted all the same.

    Of 5xx pdpyras recognises only 500, and a 202 without a dedup_key in its body raises too.
    """
    response = error.response
    if response is None:
        return _network(error)
    status = response.status_code
    if status == 202:  # noqa: PLR2004 - HTTP
        return None
    if status == 429:  # noqa: PLR2004 - HTTP
        after = _retry_after(response)
        return Retry("HTTP 429: rate limited", after=after, blocks=BLOCKED_MS, cause="rate_limit")
    if status >= 500 or status == 408:  # noqa: PLR2004 - HTTP
        return Retry(f"HTTP {status}", unknown=True, cause="server")
    if status >= 400:  # noqa: PLR2004 - HTTP
        return Rejected(f"HTTP {status}: {_reasons(response)}")
    # Something between us and PagerDuty answered, such as a proxy that wants a login.
    return Retry(f"HTTP {status}: not an answer of PagerDuty's", unknown=True)


def _network(error: BaseException) -> Retry:
    """Name the innermost cause; an unmade connection is known to have left nothing behind."""
    unmade = False
    cause = error
    while True:
        unmade = unmade or isinstance(cause, NewConnectionError | ConnectTimeoutError)
        if isinstance(cause, requests.TooManyRedirects):
            return Retry("redirected: base_url has to be PagerDuty's own address")
        inner = cause.__cause__ or cause.__context__
        if inner is None:
            break
        cause = inner
    words = str(cause)[:REASON_MAX] or type(cause).__name__
    return Retry(f"network: {words}", unknown=not unmade, cause="network")


def _retry_after(response: Any) -> int:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
        return int(min(max(seconds, 1.0), RETRY_AFTER_MAX_S) * 1000)
    except ValueError:  # of int() for NaN, too
        return RATE_LIMIT_MS


def _reasons(response: Any) -> str:
    """Return PagerDuty's own words, which pdpyras cuts at 100 characters."""
    try:
        body = response.json()
        found = body.get("errors") or [body.get("message") or "no reason given"]
        return "; ".join(str(item) for item in found)[:REASON_MAX]
    except (ValueError, AttributeError, TypeError):
        return "no reason given"
