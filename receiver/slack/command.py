"""The slash command: everything about incidents in words, answered in private."""

import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from receiver.errors import PayloadError
from receiver.notify.base import Person, View
from receiver.notify.slack_blocks import incident_message
from receiver.notify.slack_controls import button, target
from receiver.notify.slack_reach import unreached_line
from receiver.notify.slack_text import moment, mrkdwn, plain
from receiver.opening import OpenBody, Opening
from receiver.person_actions import (
    WORKING_HOURS,
    Body,
    NoteBody,
    ResolveBody,
    SnoozeBody,
    read_event,
)
from receiver.slack.desk import Desk, said
from receiver.slack.request import Ask
from receiver.slack.windows import quoted
from routing.alert import PRIORITIES
from routing.group import split_id
from routing.incident import Incident
from routing.incident_parts import Page

Answer = dict[str, Any]
SHOWN = 15
LOOKED_AT = 500
HANDLE_MIN = 4
MORNING = ("morning", "until morning", "working hours")
_NO_PAGE = Page(0, 0, 0, "opened")
_LOOKS = {
    "triggered": "🔴",
    "acknowledged": "🟡",
    "snoozed": "💤",
    "resolved": "🟢",
    "damaged": "⚠️",
    "newer": "⚠️",
}
_DONE = {
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "snoozed": "Snoozed",
    "noted": "Noted",
}


class Command:
    """Answers ``/incident ...``."""

    def __init__(
        self,
        desk: Desk,
        opening: Opening,
        name: str,
        on_call: Callable[[], Sequence[dict[str, Any]]],
        mention: Callable[[tuple[Person, ...]], Awaitable[str]],
        url: Callable[[str], str],
    ) -> None:
        """``name`` is the command itself; ``on_call()`` is what is known of each policy.

        ``mention(people)`` gives mrkdwn for people, ``url(incident id)`` the console's address.
        """
        self._desk = desk
        self._opening = opening
        self._name = name
        self._on_call = on_call
        self._mention = mention
        self._url = url
        self._verbs: dict[str, Callable[[Ask, str], Awaitable[Answer]]] = {
            "list": self._list,
            "show": self._show,
            "ack": self._acknowledge,
            "acknowledge": self._acknowledge,
            "resolve": self._resolve,
            "snooze": self._snooze,
            "note": self._note,
            "open": self._open,
            "who": self._who,
            "help": self._help,
        }

    async def answer(self, ask: Ask, text: str) -> Answer:
        """Return the private answer to what was typed after the command."""
        verb, _, rest = text.strip().partition(" ")
        work = self._verbs.get(verb.lower() or "list")
        try:
            if work is None:
                return _say(f"I do not know `{quoted(verb)}`.\n{self._usage()}")
            return await work(ask, rest.strip())
        except PayloadError as error:
            return _say(error.message)

    async def _list(self, _ask: Ask, rest: str) -> Answer:
        found = await self._open_ones()
        wanted = rest.upper()
        if wanted and wanted not in PRIORITIES:
            raise PayloadError(f"`{quoted(rest)}` is no priority: {', '.join(PRIORITIES)}.")
        found = [incident for incident in found if not wanted or incident.priority == wanted]
        if not found:
            return _say(f"No open {wanted + ' ' if wanted else ''}incidents. 🎉")
        return incident_list(found, self._url(""))

    async def _show(self, _ask: Ask, rest: str) -> Answer:
        incident, _ = await self._find(rest)
        view = View(incident, _NO_PAGE, (), self._desk.clock.now(), self._url(incident.id))
        text, blocks = incident_message(view)
        return _say(text, blocks)

    async def _acknowledge(self, ask: Ask, rest: str) -> Answer:
        incident, _ = await self._find(rest, ("triggered", "snoozed", "acknowledged"))
        return await self._act(ask, "acknowledge", incident, Body(episode=incident.episode))

    async def _resolve(self, ask: Ask, rest: str) -> Answer:
        incident, cause = await self._find(rest)
        return await self._act(
            ask, "resolve", incident, ResolveBody(episode=incident.episode, cause=cause)
        )

    async def _snooze(self, ask: Ask, rest: str) -> Answer:
        incident, until = await self._find(rest)
        if not until:
            raise PayloadError(f"For how long? `{self._name} snooze {_short(incident)} 1h`")
        body = (
            SnoozeBody(episode=incident.episode, until=WORKING_HOURS)
            if until.lower() in MORNING
            else SnoozeBody(episode=incident.episode, span=until)
        )
        return await self._act(ask, "snooze", incident, body)

    async def _note(self, ask: Ask, rest: str) -> Answer:
        incident, text = await self._find(rest)
        if not text:
            raise PayloadError(f"What note? `{self._name} note {_short(incident)} what I saw`")
        return await self._act(ask, "note", incident, NoteBody(episode=incident.episode, text=text))

    async def _act(self, ask: Ask, action: str, incident: Incident, body: Body) -> Answer:
        refused = await self._desk.refusal(action, ask, incident.id)
        if refused:
            return _say(refused)
        now, find = self._desk.clock.now(), self._desk.store.find
        try:
            event = await read_event(action, body, ask.actor, now, find)
        except PayloadError as error:
            raise PayloadError(quoted(f"{error.position}: {error.message}")) from None
        event_id = f"slack:{incident.id}:{action}:{ask.user_id}:{ask.moment}" if ask.moment else ""
        outcome = await self._desk.finish(
            self._desk.dispatcher.submit(event, incident.id, event_id)
        )
        words = said(outcome) or _DONE.get(outcome.reason, "Done")
        return _say(f"{words}: *{incident.priority}* {mrkdwn(incident.title, 300)}")

    async def _open(self, ask: Ask, rest: str) -> Answer:
        refused = await self._desk.refusal("open", ask)
        if refused:
            return _say(refused)
        priority, _, title = rest.partition(" ")
        if priority.upper() not in PRIORITIES:
            priority, title = "P3", rest
        if not title.strip():
            raise PayloadError(f"What is wrong? `{self._name} open P2 The shop is slow`")
        body = OpenBody(title=title.strip(), priority=priority.upper())
        try:
            work = self._opening.open(body, ask.actor, ask.moment or uuid.uuid4().hex)
            outcome = await self._desk.finish(work)
        except PayloadError as error:
            raise PayloadError(quoted(f"{error.position} {error.message}")) from None
        incident = outcome.incident
        handle = f" `{incident.id}`" if incident is not None else ""
        return _say(f"Opened{handle} as {body.priority}: {mrkdwn(body.title, 200)}")

    async def _who(self, _ask: Ask, _rest: str) -> Answer:
        policies = self._on_call()
        if not policies:
            return _say("Who is on call is not known here: PagerDuty's REST key is not configured.")
        lines = []
        for policy in policies:
            people = tuple(
                Person(**person)
                for person in sorted(policy["people"], key=lambda one: one["level"])
            )
            name = mrkdwn(policy["name"] or policy["escalation_policy"], 100)
            if people:
                lines.append(f"*{name}*  {await self._mention(people)}")
            elif policy["known"]:
                lines.append(f"*{name}*  ⚠️ nobody is on call")
            else:
                lines.append(f"*{name}*  not known just now")
        return _say("\n".join(lines))

    async def _help(self, _ask: Ask, _rest: str) -> Answer:
        return _say(self._usage())

    def _usage(self) -> str:
        name = self._name
        return "\n".join(
            [
                f"`{name} list [P1]`  open incidents, most urgent first",
                f"`{name} show ID`  one incident, with its buttons",
                f"`{name} ack ID`  take it",
                f"`{name} resolve ID [cause]`  it is over",
                f"`{name} snooze ID 1h` or `… snooze ID morning`  its clocks stand still",
                f"`{name} note ID text`  write something down",
                f"`{name} open [P2] what is wrong`  open an incident by hand",
                f"`{name} who`  who is on call",
                "ID is what the list shows; it may be left out when one incident is open.",
            ]
        )

    async def _open_ones(self) -> list[Incident]:
        found = await self._desk.store.newest("open", LOOKED_AT, None)
        return sorted(found, key=lambda one: (one.priority, one.episode_opened_at))

    async def _find(
        self, rest: str, states: tuple[str, ...] = ("triggered", "acknowledged", "snoozed")
    ) -> tuple[Incident, str]:
        """Return (incident, what follows its id); PayloadError says which there are."""
        word, _, following = rest.partition(" ")
        found = [one for one in await self._open_ones() if one.state in states]
        if re.fullmatch(r"\d+-[0-9a-f]{16}-\d+", word):
            return await self._desk.load(word), following.strip()
        wanted = word.lower()
        if len(wanted) >= HANDLE_MIN and re.fullmatch(r"[0-9a-f]+", wanted):
            named = [one for one in found if split_id(one.id)[1].startswith(wanted)]
            if len(named) == 1:
                return named[0], following.strip()
            if named:
                raise PayloadError(f"`{wanted}` may be any of {_listed(named)}: write more of it.")
        if len(found) == 1:
            return found[0], rest
        if not found:
            raise PayloadError("There is no open incident. 🎉")
        raise PayloadError(f"Which one? {_listed(found)}")


def incident_list(found: Sequence[Incident], url: str) -> Answer:
    """Return the private answer that lists incidents; ``url``: where all of them are."""
    handles = _handles(found)
    blocks = []
    for incident in found[:SHOWN]:
        line = f"{_LOOKS[incident.state]} *{incident.priority}* {mrkdwn(incident.title, 200)}"
        place = f"`{handles[incident.id]}` · {_state(incident)}"
        if incident.is_unreached:
            place += f"\n{unreached_line(incident)}"
        block: Answer = {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"{line}\n{place}", "verbatim": True},
        }
        if incident.state == "triggered":
            block["accessory"] = button("Acknowledge", "acknowledge", value=target(incident))
        blocks.append(block)
    if len(found) > SHOWN:
        blocks.append(_section(f"and {len(found) - SHOWN} more: <{url}|all of them>"))
    noun = "incident" if len(found) == 1 else "incidents"
    return _say(f"{len(found)} open {noun}", blocks)


def _handles(incidents: Sequence[Incident]) -> dict[str, str]:
    """Return the shortest beginning of each id's digest that names no other incident."""
    digests = {incident.id: split_id(incident.id)[1] for incident in incidents}
    size = HANDLE_MIN
    while len({digest[:size] for digest in digests.values()}) < len(set(digests.values())):
        size += 1
    return {name: digest[:size] for name, digest in digests.items()}


def _short(incident: Incident) -> str:
    return split_id(incident.id)[1][:HANDLE_MIN]


def _listed(incidents: Sequence[Incident]) -> str:
    handles = _handles(incidents)
    return ", ".join(
        f"`{handles[one.id]}` {one.priority} {mrkdwn(one.title, 60)}" for one in incidents[:8]
    )


def _state(incident: Incident) -> str:
    if incident.state == "acknowledged" and incident.acknowledged_by:
        return f"{mrkdwn(incident.acknowledged_by.name, 80)} has it"
    if incident.state == "snoozed":
        return f"snoozed until {moment(incident.snoozed_until)}"
    deadline = incident.deadlines.get("acknowledge")
    due = f", acknowledge by {moment(deadline.due)}" if deadline and deadline.running else ""
    late = ", not acknowledged in time" if deadline and deadline.missed_at else ""
    return f"since {moment(incident.episode_opened_at)}{due}{late}"


def _section(text: str) -> Answer:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _say(text: str, blocks: list[Answer] | None = None) -> Answer:
    """Return a private answer; ``text`` is mrkdwn, and what is shown where blocks are not."""
    shown = blocks if blocks is not None else [_section(text)]
    if blocks is not None and not any(block["type"] == "header" for block in blocks):
        head = {"type": "plain_text", "text": plain(text, 150), "emoji": False}
        shown = [{"type": "header", "text": head}, *blocks]
    return {"response_type": "ephemeral", "text": text, "blocks": shown}
