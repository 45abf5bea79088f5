"""Who people of a workspace are: names, e-mail addresses, user groups; asked once, then remembered.

The same e-mail address is the same person in PagerDuty.

docs.slack.dev: "users.info" (users:read, e-mail with users:read.email), "usergroups.users.list"
(usergroups:read). What cannot be asked now is answered from what was known before.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from receiver.notify.notifier import Rejected, Retry

ID_MAX = 255
"""Characters of whatever names a thing; Slack's own names have a tenth of that, addresses half."""
NAME_MAX = 80
WITHIN_S = 1.2
"""Whoever clicked waits 3 s at most for everything."""
USER_KEPT_S = 3_600.0
GROUP_KEPT_S = 300.0
FAILED_S = 30.0
KEPT = 2_000

Call = Callable[..., Awaitable[dict[str, Any] | Retry | Rejected]]
PagerDutyId = Callable[[str], Awaitable[str | None]]


class User(msgspec.Struct, frozen=True):
    """A person: the name to show, the e-mail address, PagerDuty's id; "" where it is not known.

    ``bot``: it is none, but an app.
    """

    id: str
    name: str = ""
    email: str = ""
    pagerduty: str = ""
    bot: bool = False

    @property
    def identities(self) -> frozenset[tuple[str, str]]:
        """Return (via, id) of everything they may have acted as."""
        known = {("slack", self.id), ("pagerduty", self.pagerduty)}
        return frozenset(pair for pair in known if pair[1])


class Unknown(Exception):  # noqa: N818 - a state of knowledge, caught one call up
    """Slack could not be asked, and nothing was known before."""


class SlackUsers:
    """Answers who somebody is and in which groups."""

    def __init__(self, call: Call, pagerduty: PagerDutyId) -> None:
        """``call(method, **arguments)`` makes one call and never raises.

        ``pagerduty(email)`` gives PagerDuty's id, "" for nobody, None when it cannot say.
        """
        self._call = call
        self._pagerduty = pagerduty
        self._users: dict[str, tuple[User, float]] = {}
        self._twins: dict[str, tuple[str, float]] = {}
        self._groups: dict[str, tuple[frozenset[str], float]] = {}

    async def user(self, user_id: str) -> User:
        """Return a person; with nothing but the id when Slack cannot be asked."""
        if not is_user(user_id):
            return User(user_id)
        known = self._users.get(user_id)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        answer = await self._ask("users_info", user=user_id)
        found, kept = known[0] if known else User(user_id), FAILED_S
        person = answer.get("user") if answer else None
        if isinstance(person, dict):
            found, kept = _read(user_id, person), USER_KEPT_S
        self._make_room(self._users)
        self._users[user_id] = (found, time.monotonic() + kept)
        return found

    async def is_person(self, user_id: str) -> bool:
        """Return whether an id is known to be a person's; an app's is not."""
        user = await self.user(user_id)
        return bool(user.name) and not user.bot

    async def whole(self, user_id: str) -> User:
        """Return a person with PagerDuty's id, as far as it can be found out in a moment."""
        user = await self.user(user_id)
        if not user.email:
            return user
        known = self._twins.get(user.email)
        if known is None or known[1] <= time.monotonic():
            found: str | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WITHIN_S):
                    found = await self._pagerduty(user.email)
            kept = FAILED_S if found is None else USER_KEPT_S
            twin = found if found is not None else known[0] if known else ""
            self._make_room(self._twins)
            known = self._twins[user.email] = (twin, time.monotonic() + kept)
        return msgspec.structs.replace(user, pagerduty=known[0])

    async def members(self, group: str) -> frozenset[str]:
        """Return the ids of a user group's members; Unknown when that cannot be found out."""
        known = self._groups.get(group)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        answer = await self._ask("usergroups_users_list", usergroup=group)
        users = answer.get("users") if answer else None
        if isinstance(users, list):
            found, kept = frozenset(str(user) for user in users), GROUP_KEPT_S
        elif known is not None:
            found, kept = known[0], FAILED_S
        else:
            raise Unknown(group)
        self._make_room(self._groups)
        self._groups[group] = (found, time.monotonic() + kept)
        return found

    async def _ask(self, method: str, **arguments: str) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._call(method, **arguments)
        except TimeoutError:
            return None
        return answer if isinstance(answer, dict) else None

    @staticmethod
    def _make_room(kept: dict[str, Any]) -> None:
        if len(kept) >= KEPT:
            kept.pop(next(iter(kept)))


def _read(user_id: str, person: dict[str, Any]) -> User:
    profile = person.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    names = (
        profile.get("display_name"),
        profile.get("real_name"),
        person.get("real_name"),
        person.get("name"),
    )
    email = profile.get("email")
    address = email.lower() if isinstance(email, str) else ""
    return User(user_id, first_seen(names), address, bot=person.get("is_bot") is True)


def first_seen(names: Iterable[Any]) -> str:
    """Return the first of some names of which there is something to see, "" when there is none."""
    texts = (name for name in names if isinstance(name, str))
    shown = ("".join(char for char in name if char.isprintable()).strip() for name in texts)
    return next((name[:NAME_MAX] for name in shown if name), "")


def is_user(text: str) -> bool:
    """Return whether a text can be the id of a user."""
    return len(text) <= ID_MAX and text.isascii() and text.isalnum()
