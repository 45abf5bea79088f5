"""One request to PagerDuty's Events API through pdpyras, and what its answer means.

pdpyras retries by sleeping, 429 without limit. All of that is switched off: only the agenda
retries. Its calls block, so they are made in threads of our own.
"""

import asyncio
import queue
import re
import threading
import warnings
from concurrent.futures import Future
from typing import Any

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from receiver.http_client import follow_proxies
from receiver.notify.notifier import Rejected, Retry
from receiver.text.retry_after import retry_after

with warnings.catch_warnings():
    # Importing pdpyras warns that it is frozen; ADR 7 says why it is used all the same.
    warnings.simplefilter("ignore")
    import pdpyras
    import requests

BLOCKED_MS = 5_000
"""About 120 calls a minute and key, over a sliding minute, and no Retry-After is documented: others
under the same key may well get through before the minute is over."""
THREADS = 4
CLOSE_WITHIN_S = 0.5
REASON_MAX = 500
_KNOWN = re.compile(r"routing.?key|'[\w.\[\]]+' (is|are) |exceeds", re.IGNORECASE)
"""Refusals of PagerDuty's that no repetition cures: of the key, and of a field or the size of what
was sent (seen: "Invalid routing key", "'payload.severity' is invalid (must be one of ...)")."""

_Job = tuple[Future[Any], str, str, dict[str, Any]]


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
        """Send one event with one request; return None when PagerDuty says that it has it.

        Classified by the answer itself, whatever pdpyras makes of it. Never raises for what
        PagerDuty or the network does.
        """
        if self._closed:
            return Retry("shutting down")
        if len(self._threads) < THREADS:
            name = f"pagerduty-{self._name}-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        call: Future[Any] = Future()
        self._jobs.put((call, action, key, properties))
        try:
            async with asyncio.timeout(self._timeout):
                answer = await asyncio.wrap_future(call)
        except TimeoutError:
            # What could still be cancelled had not begun. What has begun runs on in its thread.
            return Retry("no answer in time", unknown=not call.cancel(), cause="timeout")
        except pdpyras.PDHTTPError as error:
            # Of a 401 pdpyras makes an error of its own.
            answer = error.response
        except pdpyras.PDClientError as error:
            return _network(error)
        return _classify(answer, key)

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
                event = {"event_action": action, "dedup_key": key, **properties}
                try:
                    # Its send_event keeps the status of the answer and most of the body to itself.
                    call.set_result(session.post("/v2/enqueue", json=event))
                except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                    call.set_exception(error)

    def _session(self) -> Any:
        session = pdpyras.EventsAPISession(self._routing_key)
        session.url = self._base_url
        follow_proxies(session)
        # Any negative limit but -1 gives up at once; 0 would mean the endless default.
        session.retry.clear()
        session.retry[429] = -2
        session.max_network_attempts = 0
        # The routing key is in the body, and would go wherever a redirect points.
        session.max_redirects = 0
        # To connect, and between two pieces of the answer: together less than the whole.
        session.timeout = (self._timeout * 0.3, self._timeout * 0.6)
        return session


def _classify(answer: Any, key: str) -> Retry | Rejected | None:
    """Return what an answer means, None when PagerDuty says that it has the event ``key``.

    Only its own words say so: a 202 of something between us may have told PagerDuty nothing.
    """
    status = answer.status_code
    if status == 202 and _says_it_has(answer, key):  # noqa: PLR2004 - HTTP
        return None
    if status == 429:  # noqa: PLR2004 - HTTP
        after = retry_after(answer.headers)
        return Retry("HTTP 429: rate limited", after=after, blocks=BLOCKED_MS, cause="rate_limit")
    if status >= 500 or status == 408:  # noqa: PLR2004 - HTTP
        return Retry(f"HTTP {status}", unknown=True, cause="server")
    if status >= 400:  # noqa: PLR2004 - HTTP
        words = _reasons(answer)
        return Rejected(
            f"HTTP {status}: {words or 'no reason given'}",
            repairable=not _KNOWN.search(words),
            odd=not _KNOWN.search(words),
        )
    # Something between us and PagerDuty answered, such as a proxy that wants a login.
    return Retry(f"HTTP {status}: not an answer of PagerDuty's", unknown=True, cause="server")


def _says_it_has(answer: Any, key: str) -> bool:
    body = _object(answer)
    return body.get("status") == "success" and body.get("dedup_key") == key


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


def _reasons(answer: Any) -> str:
    """Return PagerDuty's own words, uncut; "" when there are none."""
    body = _object(answer)
    errors = body.get("errors")
    found = errors if errors and isinstance(errors, list) else [body.get("message") or ""]
    return "; ".join(str(item) for item in found)[:REASON_MAX]


def _object(answer: Any) -> dict[str, Any]:
    """Return the JSON object that an answer holds, {} when it is anything else."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
