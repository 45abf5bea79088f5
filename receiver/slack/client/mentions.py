"""People of PagerDuty's schedules as Slack mentions: the same e-mail is the same person.

Slack: docs.slack.dev, "users.lookupByEmail" (scope users:read.email).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from receiver.notify.notifier import Person, Rejected, Retry
from receiver.slack.mrkdwn import mrkdwn

log = logging.getLogger("notify.slack")

WITHIN_S = 1.5
"""A page does not wait longer for whom to mention: it then names them without ringing them."""
KNOWN_S = 86_400.0
UNKNOWN_S = 3_600.0
FAILED_S = 60.0
KEPT = 1_000
NAME_MAX = 80

Call = Callable[..., Awaitable[dict[str, Any] | Retry | Rejected]]


class SlackPeople:
    """Looks people up by e-mail, and remembers who they are."""

    def __init__(self, call: Call) -> None:
        """``call(method, **arguments)`` makes one call and never raises."""
        self._call = call
        self._known: dict[str, tuple[str, float]] = {}
        self._told = False

    async def mention(self, people: tuple[Person, ...]) -> str:
        """Return mrkdwn that rings these people; whom Slack does not know is named."""
        if not people:
            return ""
        try:
            async with asyncio.timeout(WITHIN_S):
                for email in dict.fromkeys(person.email for person in people if person.email):
                    await self._look_up(email)
        except TimeoutError:
            self._give_up(people)
            log.info("who is on call is named and not mentioned: Slack is slow to look people up")
        return f"on call: {', '.join(self._shown(person) for person in people)}"

    def _shown(self, person: Person) -> str:
        user = self._known.get(person.email, ("", 0.0))[0]
        return f"<@{user}>" if user else mrkdwn(person.name or person.id, NAME_MAX)

    async def _look_up(self, email: str) -> None:
        now = time.monotonic()
        if self._known.get(email, ("", 0.0))[1] > now:
            return
        answer = await self._call("users_lookupByEmail", email=email.lower())
        user, kept = "", FAILED_S
        if isinstance(answer, dict):
            found = answer.get("user")
            user = str(found.get("id") or "") if isinstance(found, dict) else ""
            kept = KNOWN_S if user else UNKNOWN_S
        elif isinstance(answer, Rejected):
            kept = UNKNOWN_S
            self._tell(answer)
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[email] = (user, now + kept)

    def _give_up(self, people: tuple[Person, ...]) -> None:
        """Let the next page not wait for the same again."""
        soon = time.monotonic() + FAILED_S
        for person in people:
            user, until = self._known.get(person.email, ("", 0.0))
            self._known[person.email] = (user, max(until, soon))

    def _tell(self, answer: Rejected) -> None:
        if not self._told and not answer.reason.startswith("users_not_found"):
            self._told = True
            log.warning(
                "who is on call is named and not mentioned: %s (is the scope users:read.email"
                " missing?)",
                answer.reason,
            )
