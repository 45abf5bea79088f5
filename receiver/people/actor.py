"""Who acts: a person, or a machine. What a machine does is no person's answer.

A machine (a credential or a request that says so) may name whom it acts for. That counts as a
person's doing when the directory knows them: ``people`` of the configuration, else Slack (a user
id) or PagerDuty (an e-mail address).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from receiver.people.config import PersonConfig, known_names
from receiver.text.ids import is_user_id
from routing.incident_parts import Actor

WITHIN_S = 1.2
"""As for those who click in Slack."""


class Credential(Protocol):
    """What is asked of a credential: how it is called, and whether people use it."""

    @property
    def name(self) -> str:
        """How it is called."""

    @property
    def is_human(self) -> bool:
        """Whether people use it."""

    @property
    def acts_for_others(self) -> bool:
        """Whether it may say in whose name it acts."""


class People:
    """The directory of people, which answers whether somebody is one."""

    def __init__(
        self,
        people: Mapping[str, PersonConfig],
        slack: Callable[[str], Awaitable[bool]],
        pagerduty: Callable[[str], Awaitable[str | None]],
    ) -> None:
        """``slack(user id)`` tells whether a person of the workspace has it.

        ``pagerduty(email)`` gives PagerDuty's id, "" for nobody, None when it cannot say.
        """
        self._known = known_names(people)
        self._slack = slack
        self._pagerduty = pagerduty

    async def actor(
        self, via: str, by: str, credential: Credential | None, *, human: bool | None
    ) -> Actor:
        """Return who acts: as the request says (``by``) if it may, else the credential's name.

        ``human`` False: the request says that it comes from a machine. Nothing that a request says
        makes a person of a machine's credential but the name of one.
        """
        known = credential.name if credential else ""
        if credential is not None and not credential.acts_for_others:
            by = ""
        machine = human is False or (credential is not None and not credential.is_human)
        return Actor(
            by or known or "somebody",
            via,
            known,
            human=not machine or await self._is_person(by),
            credential=known if by and known and by != known else "",
        )

    async def _is_person(self, by: str) -> bool:
        name = by.strip()
        if not name or name.casefold() in self._known:
            return bool(name)
        # Whoever cannot be asked in a moment is not known.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                if is_user_id(name):
                    return await self._slack(name)
                if "@" in name:
                    return bool(await self._pagerduty(name.lower()))
        return False
