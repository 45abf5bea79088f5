"""Tells somebody outside, again and again, that this service works; silence is the alarm.

A dead man's switch for ourselves: nothing in here can page when this process, its machine or its
Redis is gone, so an outside service is told every ``interval`` that all is well and raises the
alarm when it is not told. It is not told while intake, Redis or delivery do not work.

Of several processes and replicas one tells it, in its turn (``store.turns``): one that is well.
When it is unwell, hangs or is gone, another has the turn after a quarter of an interval more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import ClientConnectorError, ClientError
from yarl import URL

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.http_client import A_PAGE, HttpClient, is_web_page
from receiver.observability.metrics.registry import Metrics
from receiver.outgoing_heartbeat.config import OutgoingHeartbeatConfig
from receiver.store.replicas.turns import Turns

log = logging.getLogger("heartbeat")

CHECK_WITHIN_S = 5.0
SEND_WITHIN_S = 10.0
TURN = "heartbeat"
BEGINNING = 200
"""Bytes of an answer that tell a web page."""

Check = Callable[[], Awaitable[str]]
"""Returns "" while all is well, else the words of the problem."""


class OutgoingHeartbeat:
    """Sends a heartbeat every interval in which every check passes."""

    def __init__(
        self,
        config: OutgoingHeartbeatConfig,
        checks: Mapping[str, Check],
        metrics: Metrics,
        clock: Clock,
        turns: Turns,
    ) -> None:
        """``checks``: what has to work, by the name it has in logs. Without a URL all is off."""
        self._turns = turns
        self._until = 0.0
        """Until when (of the loop's time) another process tells it."""
        self._ours = False
        self._url = config.url.get_secret_value() if config.url else ""
        # As it was given: a quoted slash in a secret is not a slash.
        self._target = URL(self._url, encoded=self._url.isascii())
        self._method = config.method.upper()
        self._interval = config.interval / 1000
        self._checks = dict(checks)
        self._metrics = metrics
        self._clock = clock
        self._client = HttpClient(timeout=SEND_WITHIN_S)
        self._task: asyncio.Task[None] | None = None
        self._said = ("sent", "")
        self.status = "waiting for the first" if self._url else "off"
        """What became of the last heartbeat, for people: ``ok``, or outcome and reason."""

    def start(self) -> None:
        """Begin. The first heartbeat goes out after one interval.

        Were it sent at once, a service that dies young and is restarted for ever would look alive.
        """
        if self._url and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send nothing more; another process may at once."""
        await end([self._task])
        await self._leave()
        await self._client.close()

    async def beat(self) -> str:
        """Run the checks and send, or do not; return ``sent``, ``failed`` or ``withheld``.

        ``left``: another process sends.
        """
        problems = await self._problems()
        outcome, reason = "sent", ""
        if not problems:
            try:
                if not await self._is_ours():
                    self.status = "ok"
                    return "left"
            except StoreUnavailableError as error:
                problems = {"redis": str(error)}
        if problems:
            await self._leave()
            outcome = "withheld"
            reason = "; ".join(f"{name}: {words}" for name, words in problems.items())
        else:
            reason = await self._send()
            outcome = "failed" if reason else "sent"
        self._metrics.observe("incident_manager_heartbeats_total", 1, {"outcome": outcome})
        if outcome == "sent":
            # Whoever compares it does so with the world's time, as with any such metric.
            now = self._clock.wall()
            self._metrics.observe("incident_manager_heartbeat_sent_timestamp_seconds", now, {})
        self._say(outcome, ", ".join(problems), reason)
        return outcome

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # In step with the start, however long the checks take; what was missed is left out.
            # While another process sends, its turn is waited for: at its end somebody has to.
            due = max(self._until or due + self._interval, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                await self.beat()
            except Exception:
                log.exception("a heartbeat failed")

    async def _is_ours(self) -> bool:
        """Take the turn, or go on with it; False while another process has it."""
        turn = await self._turns.take(TURN, int(self._interval * 1250))
        ends = (turn.until - self._clock.now()) / 1000
        self._until = 0.0 if turn.ours else asyncio.get_running_loop().time() + ends
        self._ours = turn.ours
        return turn.ours

    async def _leave(self) -> None:
        """Leave the turn to others at once."""
        if self._ours:
            self._ours = False
            await self._turns.give_up(TURN)

    async def _problems(self) -> dict[str, str]:
        words = await asyncio.gather(*map(_checked, self._checks.values()))
        return {name: said for name, said in zip(self._checks, words, strict=True) if said}

    async def _send(self) -> str:
        """Return "" when it was received, else why not; never the URL, which is a secret."""
        try:
            # A redirect may end at a page that answers 200 to everybody.
            answer = await self._client.ask(self._method, self._target, most=BEGINNING, cut=True)
        except TimeoutError:
            return f"no answer within {SEND_WITHIN_S:g} s"
        except ClientConnectorError as error:
            return f"cannot connect: {error.os_error.strerror or type(error).__name__}"
        except (ClientError, OSError, ValueError) as error:
            return type(error).__name__
        if answer.status // 100 != 2:  # noqa: PLR2004 - 2xx
            return f"answers {answer.status}"
        return A_PAGE.format(answer.status) if is_web_page(answer.body) else ""

    def _say(self, outcome: str, subject: str, reason: str) -> None:
        """Keep the outcome for people, and log it when it is another than the last one."""
        self.status = "ok" if outcome == "sent" else f"{outcome}: {reason}"
        if (outcome, subject) == self._said:
            return
        self._said = (outcome, subject)
        if outcome == "withheld":
            log.error("no heartbeat is sent, because something does not work: %s", reason)
        elif outcome == "failed":
            log.warning("the heartbeat to %s failed: %s", self._target.host, reason)
        else:
            log.info("heartbeats are sent again")


async def _checked(check: Check) -> str:
    """Return the words of a check; one that hangs or raises has found a problem."""
    try:
        return await asyncio.wait_for(check(), CHECK_WITHIN_S)
    except TimeoutError:
        return f"no answer within {CHECK_WITHIN_S:g} s"
    except StoreUnavailableError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a check that fails must not send the all-clear
        return f"{type(error).__name__}: {error}"
