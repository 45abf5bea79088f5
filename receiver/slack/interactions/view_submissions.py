"""What was filled into a window becomes an event, or an error beside the field it is about."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from receiver.actions.incident import (
    ActionItemBody,
    AssignBody,
    Body,
    MergeBody,
    NoteBody,
    PriorityBody,
    ResolveBody,
    SnoozeBody,
    read_event,
    read_until,
)
from receiver.actions.open_incident import OpenBody, Opening
from receiver.actions.silence import read_matchers
from receiver.actions.silencer import Silencer
from receiver.actions.status_page import StatusUpdateBody, status_event
from receiver.errors import PayloadError, SilenceError, StoreUnavailableError
from receiver.slack.blocks import modals as windows
from receiver.slack.blocks.modal_parts import Origin, read_origin
from receiver.slack.blocks.status_modal import KEEP
from receiver.slack.client.directory import SlackUsers
from receiver.slack.interactions.payload import Ask, Json, name_of, read_values, text
from receiver.slack.interactions.workspace import Desk

Answer = dict[str, Any]
SILENCE_WITHIN_S = 2.2
ACTIONS = {
    "snooze": "snooze",
    "assign": "assign",
    "priority": "priority",
    "note": "note",
    "action_item": "action-item",
    "resolve_cause": "resolve",
    "merge": "merge",
    "silence": "silence",
    "open": "open",
    "status_update": "status-update",
}
"""callback id of a window -> the action it needs permission for."""


class Forms:
    """Takes submitted windows."""

    def __init__(self, desk: Desk, users: SlackUsers, opening: Opening, silencer: Silencer) -> None:
        self._desk = desk
        self._users = users
        self._opening = opening
        self._silencer = silencer

    async def submit(self, ask: Ask, view: Json) -> Answer:
        """Return the answer to a ``view_submission``; {} closes the window."""
        callback = text(view, "callback_id")
        if callback not in ACTIONS:
            return {}
        try:
            origin = read_origin(view)
            # The permission may hang on the channel it began in; a window has none of its own.
            moment = f"{name_of(view, 'id')}:{name_of(view, 'hash')}"
            asked = Ask(ask.user_id, ask.user_name, channel=origin.channel, moment=moment)
            refused = await self._desk.refusal(ACTIONS[callback], asked, origin.incident)
            return _say(refused) if refused else await self._take(callback, asked, view, origin)
        except PayloadError as error:
            return _wrong(error, view)
        except ValueError as error:
            return _say(windows.quoted(str(error)))
        except StoreUnavailableError:
            return _say("It could not be stored just now: try again in a moment.")

    async def _take(self, callback: str, ask: Ask, view: Json, origin: Origin) -> Answer:
        values = read_values(view)
        if callback == "open":
            return await self._open(ask, values, origin)
        if callback == "silence":
            return await self._silence(ask, values, origin)
        if callback == "status_update":
            return await self._status(ask, values, origin)
        return await self._event(callback, ask, values, origin)

    async def _status(self, ask: Ask, values: Mapping[str, str], origin: Origin) -> Answer:
        incident = await self._desk.load(origin.incident)
        chosen = tuple(values.get("components", "").splitlines())
        known = incident.published.components if incident.published is not None else {}
        impact = values.get("impact", "")
        body = StatusUpdateBody(
            episode=origin.episode,
            status=values.get("status", ""),
            text=values.get("text", ""),
            title=values.get("title", ""),
            # Left as they were, they stay the rule's.
            components=() if set(chosen) == set(known) else chosen,
            impact="" if impact == KEEP else impact,
        )
        event = status_event("status-update", body, ask.actor, self._desk.components)
        event_id = f"slack:{origin.incident}:status_update:{ask.user_id}:{ask.moment}"
        said = await self._desk.submit(event, origin.incident, event_id)
        return _say(said) if said else {}

    async def _event(
        self, callback: str, ask: Ask, values: Mapping[str, str], origin: Origin
    ) -> Answer:
        if callback == "action_item":
            body, action = await self._item(values), "action-item"
        else:
            body, action = await self._body(callback, values, origin)
        event = await read_event(
            action, body, ask.actor, self._desk.clock.now(), self._desk.store.find
        )
        event_id = f"slack:{origin.incident}:{callback}:{ask.user_id}:{ask.moment}"
        said = await self._desk.submit(event, origin.incident, event_id)
        return _say(said) if said else {}

    async def _body(
        self, callback: str, values: Mapping[str, str], origin: Origin
    ) -> tuple[Body, str]:
        """Return the body and the action that the same request over the API would have."""
        seen = origin.episode
        if callback == "snooze":
            return SnoozeBody(episode=seen, until=_moment(values.get("until", ""))), "snooze"
        if callback == "assign":
            user = await self._users.user(values.get("to", ""))
            return AssignBody(episode=seen, to=user.name or user.id, id=user.id), "assign"
        if callback == "priority":
            wanted, reason = values.get("priority", ""), values.get("reason", "")
            return PriorityBody(episode=seen, priority=wanted, reason=reason), "priority"
        if callback == "merge":
            return MergeBody(episode=seen, into=values.get("into", "")), "merge"
        if callback == "note":
            return NoteBody(episode=seen, text=values.get("text", "")), "note"
        return ResolveBody(episode=seen, cause=values.get("cause", "")), "resolve"

    async def _item(self, values: Mapping[str, str]) -> Body:
        owner = values.get("owner", "")
        if owner:
            owner = (await self._users.user(owner)).name or owner
        # Learning goes on whatever the incident does: it is of no episode.
        return ActionItemBody(text=values.get("text", ""), owner=owner)

    async def _open(self, ask: Ask, values: Mapping[str, str], origin: Origin) -> Answer:
        body = OpenBody(
            title=values.get("title", ""),
            priority=values.get("priority", ""),
            details=values.get("details", ""),
        )
        key = origin.key or ask.moment
        outcome = await self._desk.finish(self._opening.open(body, ask.actor, key))
        incident = outcome.incident
        name = f" `{incident.id}`" if incident is not None else ""
        return _say(
            f"The incident{name} is open, and pages as {values.get('priority', '')} does.", "Open"
        )

    async def _silence(self, ask: Ask, values: Mapping[str, str], origin: Origin) -> Answer:
        incident = await self._desk.load(origin.incident)
        if incident.episode != origin.episode:
            return _say("This incident fired again since then: look at its newest state first.")
        matchers = read_matchers(values.get("matchers", "").splitlines())
        until = read_until(values.get("for", ""), "", self._desk.clock.now())
        work = asyncio.ensure_future(
            self._silencer.silence(
                incident, matchers, until, values.get("comment", ""), ask.actor, origin.episode
            )
        )
        try:
            await asyncio.wait_for(asyncio.shield(work), SILENCE_WITHIN_S)
        except TimeoutError:
            self._desk.later(self._silenced_late(ask, work))
            return _say(
                "Alertmanager has not answered yet; you will be told when it has.", "Silence"
            )
        except SilenceError as error:
            raise PayloadError(str(error), "matchers") from None
        return {}

    async def _silenced_late(self, ask: Ask, work: "asyncio.Future[Any]") -> None:
        try:
            await work
        except StoreUnavailableError:
            said = "Alertmanager has taken the silence, but it is not noted here: ask once more."
            self._desk.whisper(ask, said)
        except (SilenceError, PayloadError) as error:
            self._desk.whisper(ask, f"The silence failed: {windows.quoted(str(error))}")
        else:
            self._desk.whisper(ask, "Alertmanager has taken the silence.")


def _moment(seconds: str) -> str:
    """Return seconds since the epoch as RFC 3339."""
    try:
        return datetime.fromtimestamp(int(seconds or 0), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise PayloadError("is not a time", "until") from None


def _say(text: str, title: str = "Nothing changed") -> Answer:
    return {"response_action": "update", "view": windows.told(title, text)}


def _wrong(error: PayloadError, view: Json) -> Answer:
    """Return the error beside the field it is about, or as the whole window when it is of none."""
    blocks = view.get("blocks")
    fields = [
        str(block.get("block_id"))
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, Mapping) and block.get("type") == "input"
    ]
    if error.position not in fields:
        return _say(windows.quoted(str(error)))
    return {"response_action": "errors", "errors": {error.position: error.message[:300]}}
