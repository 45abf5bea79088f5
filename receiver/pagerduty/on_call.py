"""Who is on call, as PagerDuty's schedules say: asked in the background, known when it is needed.

PagerDuty keeps the schedules. What is not known for sure, because it is old or PagerDuty did not
answer, is not known at all, and never stops a page.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import msgspec
from aiohttp import web

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.incident_shapes import When
from receiver.notify.notifier import Person
from receiver.pagerduty.rest_api import NoAnswer, OnCall, PagerDutyRest
from receiver.text.times import rfc3339

log = logging.getLogger("on_call")

FRESH_MS = 300_000
"""How long an answer counts."""
SURE_MS = 20_000
"""How old "nobody" may be to refuse a page without asking again: shifts change."""
REFRESH_S = 240.0
RETRY_S = 30.0
SHORTEST_S = 5.0


class _Known(msgspec.Struct, frozen=True):
    """The last answer on a policy and when it came (ms); ``error``: why there is no newer one."""

    answer: OnCall
    at: int = 0
    error: str = ""


class OnCallWatch:
    """Keeps the answer on every configured escalation policy fresh."""

    def __init__(self, rest: PagerDutyRest, policies: Mapping[str, str], clock: Clock) -> None:
        """``policies``: notifier -> id of the escalation policy behind its routing key."""
        self._rest = rest
        self._policies = dict(policies)
        self._clock = clock
        self._known = {policy: _Known(OnCall(policy)) for policy in policies.values()}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask from now on, again and again."""
        if self._known:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop asking."""
        await end((self._task, *self._asking.values()))

    def people(self, notifiers: Iterable[str]) -> tuple[Person, ...]:
        """Return who is rung first by any of these notifiers; () where that is not known."""
        found: dict[str, Person] = {}
        policies = [self._policies[name] for name in notifiers if name in self._policies]
        for policy in dict.fromkeys(policies):
            answer = self._fresh(policy, FRESH_MS)
            first = min((person.level for person in answer.people), default=0) if answer else 0
            for person in answer.people if answer else ():
                if person.level == first:
                    found.setdefault(person.id, person)
        return tuple(found.values())

    async def is_nobody(self, notifier: str) -> bool:
        """Return whether PagerDuty says, now, that a page of this notifier would ring nobody.

        Takes no time when somebody is on call or nothing is known, else at most the time of a few
        requests: a page is refused only for an answer of this minute.
        """
        policy = self._policies.get(notifier)
        answer = self._fresh(policy, FRESH_MS) if policy is not None else None
        if policy is None or answer is None or answer.people:
            return False
        if self._fresh(policy, SURE_MS) is None:
            await self._refresh(policy)
        answer = self._fresh(policy, SURE_MS)
        return answer is not None and not answer.people

    def shown(self) -> list[dict[str, Any]]:
        """Return what is known, one object a policy."""
        return [self._shown(policy, known) for policy, known in self._known.items()]

    def _shown(self, policy: str, known: _Known) -> dict[str, Any]:
        fresh = self._fresh(policy, FRESH_MS) is not None
        return {
            "escalation_policy": policy,
            "name": known.answer.name or None,
            "notifiers": [name for name, of in self._policies.items() if of == policy],
            "known": fresh,
            "as_of": rfc3339(known.at),
            "error": known.error or None,
            "people": [msgspec.to_builtins(person) for person in known.answer.people]
            if fresh
            else [],
        }

    def _fresh(self, policy: str, age: int) -> OnCall | None:
        known = self._known[policy]
        now, until = self._clock.now(), known.answer.until
        old = not known.at or now - known.at > age or (until and until <= now)
        return None if old else known.answer

    async def _run(self) -> None:
        while True:
            await asyncio.gather(*(self._refresh(policy) for policy in self._known))
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Return for how many seconds the answers do: a shift that ends earlier ends that too."""
        if any(known.error for known in self._known.values()):
            return RETRY_S
        ends = [known.answer.until for known in self._known.values() if known.answer.until]
        left = (min(ends) - self._clock.now()) / 1000 + 1 if ends else REFRESH_S
        return min(REFRESH_S, max(left, SHORTEST_S))

    async def _refresh(self, policy: str) -> None:
        """Ask about a policy; whoever wants to know at the same time waits for the same answer."""
        task = self._asking.get(policy)
        if task is None:
            task = self._asking[policy] = asyncio.create_task(self._ask(policy))
            task.add_done_callback(lambda _: self._asking.pop(policy, None))
        with contextlib.suppress(Exception):
            await asyncio.shield(task)

    async def _ask(self, policy: str) -> None:
        asked_at = self._clock.now()
        answer = await self._rest.on_call(policy)
        known = self._known[policy]
        if isinstance(answer, NoAnswer):
            if not known.error:
                log.warning("who is on call for %s is not known: %s", policy, answer.reason)
            self._known[policy] = msgspec.structs.replace(known, error=answer.reason)
            return
        if not answer.people:
            log.warning("nobody is on call for %s (%s)", policy, answer.name)
        self._known[policy] = _Known(answer, asked_at)


class OnCallShape(TypedDict):
    """Who is on call for an escalation policy; ``known`` false: no answer that still counts."""

    escalation_policy: str
    name: str | None
    notifiers: list[str]
    known: bool
    as_of: When
    error: str | None
    people: list[Person]


class OnCallList(TypedDict):
    """One object an escalation policy."""

    on_call: list[OnCallShape]


class OnCallEndpoint:
    """``/v1/on-call``."""

    def __init__(self, watch: OnCallWatch | None) -> None:
        self._watch = watch

    @serves("GET", "/v1/on-call", Who.VIEWER, spec=Spec({200: OnCallList}))
    async def handle(self, _request: web.Request) -> web.Response:
        """GET /v1/on-call: who is on call for each configured escalation policy."""
        return web.json_response({"on_call": self._watch.shown() if self._watch else []})
