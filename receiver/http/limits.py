"""How much one address, one credential or one person may ask for: token buckets of this process.

Each replica counts for itself. These limits are far above what anybody normal does, and stop a
program that runs wild: N replicas let through N times as much, and that is as harmless. What has to
be counted together is in Redis (failed logins, notification budgets, new incidents of a sender).
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web
from pydantic import Field

from receiver.errors import TooManyError
from receiver.http.addresses import counted_as
from receiver.problem import CONTENT_TYPE, problem_text, refusal
from receiver.proxies import is_this_machine
from routing.config.base import Section

KEYS_MAX = 10_000
"""Buckets at once; the ones that were asked least recently are forgotten, and are full again."""
GUESSES, GUESSES_A_MINUTE = 100, 10
"""Wrong passwords of one address that cost nothing, and how many more a minute are looked at."""
MINUTE_S = 60.0

Count = Callable[[str], None]


class TooManyRequestsError(web.HTTPTooManyRequests):
    """Whoever asks has asked too often."""

    def __init__(self, detail: str, seconds: int) -> None:
        self.detail = detail
        self.wait = {"Retry-After": str(seconds)}
        text = problem_text(self.status_code, detail)
        super().__init__(text=text, content_type=CONTENT_TYPE, headers=self.wait)

    def again_later(self) -> web.HTTPException:
        """Return it as senders of alerts are told: they repeat what is answered 503 alone."""
        return refusal(web.HTTPServiceUnavailable, self.detail, self.wait)


class LimitsConfig(Section):
    """How much a minute; 0 for any number. As much may come at once, after a quiet minute.

    ``requests_per_address`` and ``requests_per_credential``: whatever is no alert.
    ``webhooks_per_credential``: alerts and events, which are told to come again.
    ``notes_per_person``, ``incidents_per_person``: notes, and incidents opened by hand.
    """

    requests_per_address: int = Field(default=6_000, ge=0, le=10_000_000)
    requests_per_credential: int = Field(default=6_000, ge=0, le=10_000_000)
    webhooks_per_credential: int = Field(default=0, ge=0, le=10_000_000)
    notes_per_person: int = Field(default=60, ge=0, le=10_000_000)
    incidents_per_person: int = Field(default=30, ge=0, le=10_000_000)


class Buckets:
    """One bucket for each key: ``burst`` at once, ``per_minute`` in the long run."""

    def __init__(
        self, per_minute: float, burst: int = 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``per_minute`` 0: nothing is limited; ``burst`` 0: as many as in a minute."""
        self._now = now
        self._empty_at: OrderedDict[str, float] = OrderedDict()
        """Key -> when (s) its bucket would be full again."""
        self.use(per_minute, burst)

    def use(self, per_minute: float, burst: int = 0) -> None:
        """Have these numbers hold; what was taken stays taken."""
        self._interval = MINUTE_S / per_minute if per_minute else 0.0
        self._room = (burst or per_minute) * self._interval

    def wait(self, key: str) -> float:
        """Return how long (s) until there is one in a bucket, 0 where there is."""
        now = self._now()
        full_at = max(self._empty_at.get(key, now), now)
        return max(0.0, full_at + self._interval - now - self._room) if self._interval else 0.0

    def take(self, key: str) -> float:
        """Take one and return 0, or how long (s) to wait for it."""
        wait = self.wait(key)
        if wait or not self._interval:
            return wait
        now = self._now()
        self._empty_at[key] = max(self._empty_at.pop(key, now), now) + self._interval
        while len(self._empty_at) > KEYS_MAX:
            self._empty_at.popitem(last=False)
        return 0.0


class Limits:
    """All limits of one process. TooManyRequestsError where nothing else is said."""

    def __init__(
        self,
        config: LimitsConfig,
        count: Count = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``count(limit)`` is called for each that is refused; ``now()`` in s."""
        self._count = count
        self._addresses = Buckets(0, now=now)
        self._credentials = Buckets(0, now=now)
        self._webhooks = Buckets(0, now=now)
        self._notes = Buckets(0, now=now)
        self._incidents = Buckets(0, now=now)
        self._guesses = Buckets(GUESSES_A_MINUTE, GUESSES, now)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.use(config)

    def use(self, config: LimitsConfig) -> None:
        """Have these hold from now on."""
        self._addresses.use(config.requests_per_address)
        self._credentials.use(config.requests_per_credential)
        self._webhooks.use(config.webhooks_per_credential)
        self._notes.use(config.notes_per_person)
        self._incidents.use(config.incidents_per_person)

    def address(self, request: web.Request) -> None:
        """Take one of the address a request comes from.

        This machine has none: what asks from here is ours, or a proxy with everybody behind it.
        """
        remote = request.remote or ""
        if remote and not is_this_machine(remote):
            wait = self._addresses.take(counted_as(remote))
            self._refuse("address", wait, "requests come from your address")

    def credential(self, name: str, *, intake: bool) -> None:
        """Take one of a credential or person, for an alert (``intake``) or anything else."""
        if intake:
            self._refuse("webhooks", self._webhooks.take(name), f"alerts come from {name}")
        else:
            wait = self._credentials.take(name)
            self._refuse("credential", wait, f"requests come from {name}")

    def password(self, address: str, name: str) -> None:
        """Take one of the passwords that an address may try.

        ``name``: of the credential it is right for, "" for none. Who was right before is let in
        whatever others at the same address try, and a right one is refused like a wrong one else.
        """
        key = counted_as(address)
        if name and (key, name) in self._known:
            self._known.move_to_end((key, name))
            return
        wait = self._guesses.wait(key) if name else self._guesses.take(key)
        self._refuse("passwords", wait, "wrong passwords come from your address")
        if name:
            self._known[key, name] = None
            if len(self._known) > KEYS_MAX:
                self._known.popitem(last=False)

    def note(self, who: str) -> None:
        """Take one of the notes of somebody; TooManyError."""
        self._refuse_in_words("notes", self._notes.take(who), "notes")

    def incident(self, who: str) -> None:
        """Take one of the incidents that somebody opens by hand; TooManyError."""
        self._refuse_in_words("incidents", self._incidents.take(who), "new incidents")

    def _refuse(self, limit: str, wait: float, words: str) -> None:
        if wait:
            self._count(limit)
            seconds = math.ceil(wait)
            raise TooManyRequestsError(f"too many {words}: come again in {seconds} s", seconds)

    def _refuse_in_words(self, limit: str, wait: float, what: str) -> None:
        if wait:
            self._count(limit)
            seconds = math.ceil(wait)
            raise TooManyError(f"too many {what} within a minute: again in {seconds} s", seconds)
