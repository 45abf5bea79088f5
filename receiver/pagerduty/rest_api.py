"""PagerDuty's REST API: what an incident holds, and who is on call. It is only ever read.

An answer that does not come is a value: nothing here may delay or break a page.
Source: developer.pagerduty.com, "REST API v2" (authentication, rate limits, List On-Calls,
List alerts for an incident, List Change Events).
"""

import logging
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import ClientError

from receiver.clock import Clock
from receiver.http_client import HttpClient, TooLongError
from receiver.notify.notifier import Person
from receiver.store.changes import Change
from receiver.text.times import iso_ms

log = logging.getLogger("pagerduty.rest")

TIMEOUT_S = 3.0
PAGE = 100
PAGES = 10
"""PagerDuty keeps at most 1,000 alerts in an incident."""
ANSWER_MAX = 4 << 20
NOT_PAGERDUTY = "not an answer of PagerDuty's"
RESET_DEFAULT_S = 30.0
RESET_MAX_S = 300.0

Query = Sequence[tuple[str, str]]


class NoAnswer(msgspec.Struct, frozen=True):
    """It could not be found out. ``passing``: asking again later may help."""

    reason: str
    passing: bool = True


class OnCall(msgspec.Struct, frozen=True):
    """Who is on call for an escalation policy, by level; nobody when ``people`` is empty.

    ``until`` (ms): when the first of them goes off duty, 0 for never. ``name`` is the policy's.
    """

    policy: str
    name: str = ""
    people: tuple[Person, ...] = ()
    until: int = 0


class PagerDutyRest:
    """The API with one token. After a 429 nothing is asked until PagerDuty says so."""

    def __init__(
        self, base_url: str, token: str, clock: Clock, *, timeout: float = TIMEOUT_S
    ) -> None:
        """``timeout`` in seconds, for the whole of one request."""
        self._base_url = base_url
        self._clock = clock
        self._client = HttpClient(timeout=timeout)
        self._headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        self._silent_until = 0

    async def dedup_keys(self, incident: str) -> list[str] | NoAnswer:
        """Return the dedup_keys of the alerts that a PagerDuty incident holds."""
        found: list[str] = []
        for page in range(PAGES):
            query = [("limit", str(PAGE)), ("offset", str(page * PAGE))]
            answer = await self._list(f"incidents/{incident}/alerts", "alerts", query)
            if isinstance(answer, NoAnswer):
                return answer
            for alert in _objects(answer, "alerts"):
                key = alert.get("alert_key")
                if isinstance(key, str):
                    found.append(key)
            if not answer.get("more"):
                break
        return found

    async def on_call(self, policy: str) -> OnCall | NoAnswer:
        """Return who is on call now for an escalation policy.

        An unknown policy has no on-calls either: nobody is believed only when the policy exists.
        """
        query = [("escalation_policy_ids[]", policy), ("include[]", "users")]
        answer = await self._list("oncalls", "oncalls", [*query, ("limit", str(PAGE))])
        if isinstance(answer, NoAnswer):
            return answer
        entries = _objects(answer, "oncalls")
        if not entries:
            known = await self._get(f"escalation_policies/{policy}", ())
            if isinstance(known, NoAnswer):
                return known
            found_policy = known.get("escalation_policy")
            if _text(found_policy, "id") != policy:
                return NoAnswer(NOT_PAGERDUTY)
            return OnCall(policy, _text(found_policy, "summary"))
        found: dict[str, Person] = {}
        for entry in sorted(entries, key=_level):
            person = await self._person(entry)
            if person is not None:
                found.setdefault(person.id, person)
        if not found:
            # Somebody is on call, whoever that is.
            return NoAnswer(NOT_PAGERDUTY)
        ends = [end for entry in entries if (end := _moment(entry.get("end")))]
        name = _text(entries[0].get("escalation_policy"), "summary")
        return OnCall(policy, name, tuple(found.values()), min(ends, default=0))

    async def changes(self, since: int, until: int) -> list[Change] | NoAnswer:
        """Return the newest change events of a time (ms), up to a page of them."""
        query = [("since", _utc(since)), ("until", _utc(until)), ("limit", str(PAGE))]
        answer = await self._list("change_events", "change_events", query)
        if isinstance(answer, NoAnswer):
            return answer
        found = []
        for event in _objects(answer, "change_events"):
            links = _objects(event, "links")
            link = links[0].get("href") if links else ""
            at, summary = _moment(event.get("timestamp")), _text(event, "summary")
            if at and summary:
                url = link if isinstance(link, str) else ""
                found.append(Change(at, summary, source=_text(event, "source"), url=url))
        return found

    async def user_id(self, email: str) -> str | NoAnswer:
        """Return the id of the user with this e-mail address, "" when there is none."""
        answer = await self._list("users", "users", [("query", email), ("limit", str(PAGE))])
        if isinstance(answer, NoAnswer):
            return answer
        same = (user for user in _objects(answer, "users") if _text(user, "email").lower() == email)
        return next((_text(user, "id") for user in same), "")

    async def _person(self, entry: dict[str, Any]) -> Person | None:
        user = entry.get("user")
        if not isinstance(user, dict) or not _text(user, "id"):
            return None
        if not _text(user, "email"):
            # Not included: only a reference. Without the e-mail there is still a name.
            answer = await self._get(f"users/{_text(user, 'id')}", ())
            whole = {} if isinstance(answer, NoAnswer) else answer.get("user")
            user = {**user, **whole} if isinstance(whole, dict) else user
        name = _text(user, "name") or _text(user, "summary")
        return Person(_text(user, "id"), name, _text(user, "email"), _level(entry))

    async def _list(self, path: str, name: str, query: Query) -> dict[str, Any] | NoAnswer:
        """Ask for a list; an answer without it says nothing, least of all that it is empty."""
        answer = await self._get(path, query)
        if isinstance(answer, NoAnswer) or isinstance(answer.get(name), list):
            return answer
        return NoAnswer(NOT_PAGERDUTY)

    async def _get(self, path: str, query: Query) -> dict[str, Any] | NoAnswer:
        """Make one request; every way it can end is a value."""
        if self._clock.now() < self._silent_until:
            return NoAnswer("HTTP 429: rate limited")
        try:
            answer = await self._client.ask(
                "GET",
                f"{self._base_url}/{path}",
                most=ANSWER_MAX,
                params=list(query),
                headers=self._headers,
            )
            if answer.status == 429:  # noqa: PLR2004 - HTTP
                reset = _reset_ms(answer.headers.get("ratelimit-reset", ""))
                self._silent_until = self._clock.now() + reset
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                passing = answer.status in (408, 429) or answer.status >= 500  # noqa: PLR2004
                return NoAnswer(f"HTTP {answer.status}", passing)
            found = msgspec.json.decode(answer.body)
        except TooLongError:
            return NoAnswer("an answer beyond all bounds", passing=False)
        except (ClientError, TimeoutError, OSError) as error:
            return NoAnswer(f"network: {str(error)[:200] or type(error).__name__}")
        except (msgspec.DecodeError, ValueError, RecursionError):
            return NoAnswer(NOT_PAGERDUTY)
        return found if isinstance(found, dict) else NoAnswer(NOT_PAGERDUTY)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _objects(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    values = answer.get(name)
    values = values if isinstance(values, list) else []
    return [value for value in values if isinstance(value, dict)]


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    text = value if isinstance(value, str) else ""
    return "".join(char for char in text if char.isprintable())[:200]


def _level(entry: dict[str, Any]) -> int:
    level = entry.get("escalation_level")
    return level if isinstance(level, int) else 99


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: Any) -> int:
    """Return an ISO 8601 time in ms, 0 for none; one without a zone is UTC."""
    try:
        return iso_ms(text)
    except (TypeError, ValueError):
        return 0


def _reset_ms(text: str) -> int:
    """Return how long (ms) PagerDuty wants to be left alone; the header counts seconds."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = RESET_DEFAULT_S
    if not math.isfinite(seconds):
        seconds = RESET_DEFAULT_S
    return int(min(max(seconds, 1.0), RESET_MAX_S) * 1000)
