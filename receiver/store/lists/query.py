"""What a list is asked for: which incidents, in which order, and from where on."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from receiver.store.lists.head import Head
from routing.incident import OPEN_STATES, Incident
from routing.incident_parts import Actor
from routing.matcher import Matcher, matches_all
from routing.vocabulary import Ended

ANSWERED = "answered"
"""Open, and somebody has it: acknowledged or snoozed."""
STATES = ("open", "closed", "all", *OPEN_STATES, ANSWERED)
GROUPS: dict[str, tuple[str, ...]] = {
    **{state: (state,) for state in OPEN_STATES},
    ANSWERED: ("acknowledged", "snoozed"),
}
"""The states of open incidents that each name of a part of them stands for."""
SORTS = ("urgent", "newest", "oldest")
TIMES = ("opened", "acknowledged", "ended")
"""What ``since`` and ``until`` may be about, of the newest episode."""
OUTCOMES: Mapping[str, str] = {
    "answered": "a person acknowledged it",
    "unanswered": "no person acknowledged it",
    "by_people": "a person resolved it",
    "by_itself": "its alerts, or automation, resolved it",
    "alone": "the same, and no person acknowledged it",
    "met": "a deadline was met",
    "missed": "a deadline was missed",
    "escalated": "a step after the first was notified",
    "reopened": "it fired again, or a person opened it again",
}
"""What may be asked of how an incident went."""
UNREAD_STATES = ("damaged", "newer")
_SUMMARIES = ("summary", "title", "message", "description")
_FORM = 1
ID_MAX = 80


class CursorError(ValueError):
    """A cursor that leads nowhere; the text says why and what to do instead."""


class Place(msgspec.Struct, frozen=True):
    """The incident after which a page begins: the leg of the walk, its key there, and its id."""

    leg: int
    key: int
    id: str


class Query(msgspec.Struct, frozen=True):
    """Which incidents, and in which order.

    ``state``: open, closed, all, or a part of the open ones. ``sort``: urgent (most urgent first,
    then longest waiting; after the open ones the closed, newest end first), newest or oldest.
    ``priorities``: any of them, () for all. ``team``: "" for any. ``matchers``: one alert of the
    incident has to fulfil all of them. ``text``: in title, labels, summary or id. ``service``: the
    label of that name, of an alert or of the group. ``person``: who acknowledged or resolved it, or
    whom it is assigned to; ``mine``: that is whoever asks. ``runbook``: in the address of its
    runbook. ``outcome``: one of ``OUTCOMES``, "" for any. ``since`` and ``until``: as they were
    asked for; the ``time`` of it is at ``after`` (ms) or later, and before ``before`` (0: no end).
    """

    state: str = "open"
    sort: str = "urgent"
    priorities: tuple[str, ...] = ()
    team: str = ""
    matchers: tuple[Matcher, ...] = ()
    text: str = ""
    service: str = ""
    person: str = ""
    mine: bool = False
    since: str = ""
    until: str = ""
    time: str = TIMES[0]
    after: int = 0
    before: int = 0
    runbook: str = ""
    outcome: str = ""

    @property
    def wants_open(self) -> bool:
        """Whether open incidents are asked for."""
        return self.state != "closed"

    @property
    def wants_closed(self) -> bool:
        """Whether closed incidents are asked for."""
        return self.state in ("closed", "all")

    @property
    def filters(self) -> bool:
        """Whether only what an incident's record says tells if it belongs to the list."""
        named = self.team or self.service or self.person or self.runbook or self.outcome
        return bool(named or self.since or self.until or self.matchers or self.text)

    def keeps(self, incident: Incident) -> bool:
        """Return whether an incident belongs to the list as it is now.

        What cannot be read belongs to every list of open ones: it may be what is looked for.
        """
        if incident.is_open:
            states = GROUPS.get(self.state)
            fits = self.wants_open and (states is None or incident.state in states)
        elif incident.state in UNREAD_STATES and not incident.resolved_at:
            fits = self.wants_open
        else:
            fits = self.wants_closed and incident.state in ("resolved", *UNREAD_STATES)
        return (
            fits
            and self.suits(incident)
            and self.suits_labels(incident.group.labels, _labels(incident))
            and (not self.text or _says(incident, self.text.casefold()))
        )

    def suits(self, facts: Head | Incident) -> bool:
        """Return whether an incident is one of the list by what is neither state, label nor text.

        By that alone most of a long history is passed over.
        """
        return (
            (not self.priorities or facts.priority in self.priorities)
            and (not self.team or facts.team == self.team)
            and self._suits_time(facts)
            and (not self.person or self.person.casefold() in _people(facts))
            and (not self.runbook or self.runbook.casefold() in facts.runbook_url.casefold())
            and (not self.outcome or _went(facts, self.outcome))
        )

    def _suits_time(self, facts: Head | Incident) -> bool:
        if not self.after and not self.before:
            return True
        at = {
            "opened": facts.episode_opened_at,
            "acknowledged": facts.acknowledged_at,
            "ended": facts.resolved_at,
        }[self.time]
        there = bool(at) or self.time == TIMES[0]
        return there and at >= self.after and (not self.before or at < self.before)

    def suits_labels(self, group: Mapping[str, str], alerts: Sequence[Mapping[str, str]]) -> bool:
        """Return whether labels of the group and of its alerts are those asked for."""
        if self.service and not any(
            labels.get("service") == self.service for labels in (group, *alerts)
        ):
            return False
        return not self.matchers or any(
            matches_all(self.matchers, labels) for labels in alerts or [group]
        )

    def parameters(self) -> list[tuple[str, str]]:
        """Return what asks for this list over HTTP, as (name, value); [] for all that is open."""
        given = [
            ("state", self.state if self.state != "open" else ""),
            ("sort", self.sort if self.sort != SORTS[0] else ""),
            ("priority", ",".join(self.priorities)),
            ("team", self.team),
            *(("label", str(matcher)) for matcher in self.matchers),
            ("text", self.text),
            ("service", self.service),
            ("mine", "1" if self.mine else ""),
            ("person", "" if self.mine else self.person),
            ("runbook", self.runbook),
            ("outcome", self.outcome),
            ("since", self.since),
            ("until", self.until),
            ("time", self.time if self.time != TIMES[0] else ""),
        ]
        return [(name, value) for name, value in given if value]

    def address(self, base: str, *more: tuple[str, str]) -> str:
        """Return where a page that takes this list's parameters, and ``more``, shows it."""
        asked = [*self.parameters(), *more]
        return f"{base}?{urlencode(asked, errors='replace')}" if asked else base

    def cursor(self, place: Place) -> str:
        """Return a place in this list as text that is safe in a URL."""
        made = (_FORM, self._mark(), place.leg, place.key, place.id)
        return base64.urlsafe_b64encode(msgspec.json.encode(made)).decode().rstrip("=")

    def place(self, cursor: str) -> Place | None:
        """Return the place a cursor of this list stands for, None for "" (its beginning).

        CursorError for a cursor of another list, of an earlier release, or of nobody.
        """
        if not cursor:
            return None
        if cursor.isascii() and cursor.isdecimal():
            raise CursorError("was given by an earlier release: begin again without it")
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            form, mark, leg, key, name = _decoder.decode(raw)
        except (msgspec.DecodeError, binascii.Error, ValueError):
            raise CursorError("is none: send what `next` said, unchanged") from None
        if form != _FORM or min(leg, key) < 0 or len(name) > ID_MAX:
            raise CursorError("is none: send what `next` said, unchanged")
        if mark != self._mark():
            raise CursorError(
                "belongs to another list: send the same filters and sort as before, or begin again"
                " without it"
            )
        return Place(leg, key, name)

    def _mark(self) -> str:
        """Return what tells one list from another; how long its pages are does not matter."""
        # Of "mine" each has another list.
        asked = self.parameters() + ([("", self.person)] if self.mine else [])
        raw = repr(asked).encode("utf-8", "backslashreplace")
        return hashlib.sha256(raw).hexdigest()[:8]


_decoder = msgspec.json.Decoder(tuple[int, str, int, int, str])


def _says(incident: Incident, text: str) -> bool:
    # All at once, as it may have a thousand alerts; what separates is in no text.
    return text in "\x00".join(_texts(incident)).casefold()


def _texts(incident: Incident) -> Iterator[str]:
    yield incident.title
    yield incident.id
    yield from _pairs(incident.group.labels)
    for alert in incident.complete_alerts():
        yield from _pairs(alert.labels)
        yield from [alert.annotations.get(name, "") for name in _SUMMARIES]


def _labels(incident: Incident) -> list[Mapping[str, str]]:
    return [alert.labels for alert in incident.complete_alerts()]


def _people(facts: Head | Incident) -> list[str]:
    """Return who had an incident, by name."""
    found = (facts.acknowledged_by, facts.assigned_to, facts.resolved_by)
    return [actor.name.casefold() for actor in found if actor is not None]


def _is_human(actor: Actor | None) -> bool:
    return actor is not None and actor.ends == "human"


def _went(facts: Head | Incident, outcome: str) -> bool:
    """Return whether an incident went so, as far as its record tells."""
    if outcome in (Ended.MET, Ended.MISSED):
        return any(end.outcome == outcome for end in facts.clock_ends)
    answered, over = _is_human(facts.acknowledged_by), facts.state == "resolved"
    by_people = _is_human(facts.resolved_by)
    return {
        "answered": answered,
        "unanswered": not answered,
        "by_people": over and by_people,
        "by_itself": over and not by_people,
        "alone": over and not by_people and not answered,
        "escalated": facts.step > 0,
        "reopened": facts.episode > 0,
    }[outcome]


def _pairs(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in labels.items()]
