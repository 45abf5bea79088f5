"""What was filled into a window becomes an action, or an error beside the field it is about."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from receiver.actions.open_incident import OpenBody, OpenIncident
from receiver.actions.registry import OPEN, permission_of
from receiver.actions.row import Body, Input
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.engine.batch_queue import Outcome
from receiver.errors import PayloadError, SilenceError, StoreUnavailableError
from receiver.slack.blocks import modals
from receiver.slack.blocks.modal_parts import Origin, read_origin
from receiver.slack.blocks.status_modal import KEEP
from receiver.slack.blocks.verbs import Verb, verb_of
from receiver.slack.client.directory import SlackUsers
from receiver.slack.interactions.payload import Interaction, Json, name_of, read_values, text
from receiver.slack.interactions.workspace import Workspace, said

Answer = dict[str, Any]
SILENCE_WITHIN_S = 2.2


class ViewSubmissions:
    """Takes submitted windows."""

    def __init__(
        self, workspace: Workspace, users: SlackUsers, open_incident: OpenIncident
    ) -> None:
        self._workspace = workspace
        self._users = users
        self._open_incident = open_incident

    async def submit(self, interaction: Interaction, view: Json) -> Answer:
        """Return the answer to a ``view_submission``; {} closes the window."""
        callback = text(view, "callback_id")
        verb = verb_of(callback)
        if verb is None and callback != OPEN:
            return {}
        try:
            return await self._take(callback, verb, interaction, view)
        except PayloadError as error:
            return _wrong(error, view)
        except ValueError as error:
            return _say(modals.quoted(str(error)))
        except StoreUnavailableError:
            return _say("It could not be stored just now: try again in a moment.")

    async def _take(
        self, callback: str, verb: Verb | None, interaction: Interaction, view: Json
    ) -> Answer:
        origin = read_origin(view)
        # The permission may hang on the channel it began in; a window has none of its own.
        moment = f"{name_of(view, 'id')}:{name_of(view, 'hash')}"
        interaction = Interaction(
            interaction.user_id, interaction.user_name, channel=origin.channel, moment=moment
        )
        needed = permission_of(verb.action) if verb is not None else OPEN
        refused = await self._workspace.refusal(needed, interaction, origin.incident)
        if refused:
            return _say(refused)
        values = read_values(view)
        if verb is None:
            return await self._open(interaction, values, origin)
        return await self._do(callback, verb, interaction, values, origin)

    async def _do(
        self,
        callback: str,
        verb: Verb,
        interaction: Interaction,
        values: Mapping[str, str],
        origin: Origin,
    ) -> Answer:
        body = verb.row.body_of(await self._filled(verb, values, origin), origin.episode)
        # A window that was refused stays as it is: filled in otherwise, it asks for something else.
        filled = hashlib.sha256(repr(sorted(values.items())).encode("utf-8", "replace")).hexdigest()
        event_id = interaction.event_id(origin.incident, callback, filled[:16])
        if verb.action in SILENCE_ACTIONS:
            return await self._silence(verb.action, interaction, body, origin)
        words = said(
            await self._workspace.perform(verb.action, interaction, origin.incident, body, event_id)
        )
        return _say(words) if words else {}

    async def _filled(
        self, verb: Verb, values: Mapping[str, str], origin: Origin
    ) -> dict[str, str]:
        """Return the values as the API would be given them: names of people, times in words."""
        found = dict(values)
        for field in verb.row.fields:
            value = values.get(field.name, "")
            if field.input is Input.MOMENT and value:
                found[field.name] = _moment(value)
            elif field.input is Input.PERSON and value:
                user = await self._users.user(value)
                found |= {field.name: user.name or user.id, "id": user.id}
        if found.get("impact") == KEEP:
            del found["impact"]
        if "components" in found:
            incident = await self._workspace.load(origin.incident)
            known = incident.published.components if incident.published is not None else {}
            if set(found["components"].splitlines()) == set(known):
                # Left as they were, they stay the rule's.
                del found["components"]
        return found

    async def _open(
        self, interaction: Interaction, values: Mapping[str, str], origin: Origin
    ) -> Answer:
        body = OpenBody(
            title=values.get("title", ""),
            priority=values.get("priority", ""),
            details=values.get("details", ""),
        )
        key = origin.key or interaction.moment
        outcome = await self._workspace.finish(
            self._open_incident.open(body, interaction.actor, key)
        )
        incident = outcome.incident
        name = f" `{incident.id}`" if incident is not None else ""
        return _say(
            f"The incident{name} is open, and pages as {values.get('priority', '')} does.", "Open"
        )

    async def _silence(
        self, name: str, interaction: Interaction, body: Body, origin: Origin
    ) -> Answer:
        work = asyncio.ensure_future(
            self._workspace.actions.perform(name, origin.incident, body, interaction.actor)
        )
        try:
            outcome = await asyncio.wait_for(asyncio.shield(work), SILENCE_WITHIN_S)
        except TimeoutError:
            self._workspace.later(self._silenced_late(interaction, work))
            return _say(
                "Alertmanager has not answered yet; you will be told when it has.", "Silence"
            )
        except SilenceError as error:
            raise PayloadError(str(error), "matchers") from None
        words = said(outcome)
        return _say(words) if words else {}

    async def _silenced_late(
        self, interaction: Interaction, work: "asyncio.Future[Outcome]"
    ) -> None:
        try:
            outcome = await work
        except StoreUnavailableError:
            words = "Alertmanager has taken the silence, but it is not noted here: ask once more."
            self._workspace.whisper(interaction, words)
        except (SilenceError, PayloadError) as error:
            self._workspace.whisper(interaction, f"The silence failed: {modals.quoted(str(error))}")
        else:
            words = said(outcome) or "Alertmanager has taken the silence."
            self._workspace.whisper(interaction, words)


def _moment(seconds: str) -> str:
    """Return seconds since the epoch as RFC 3339."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise PayloadError("is not a time", "until") from None


def _say(text: str, title: str = "Nothing changed") -> Answer:
    return {"response_action": "update", "view": modals.notice(title, text)}


def _wrong(error: PayloadError, view: Json) -> Answer:
    """Return the error beside the field it is about, or as the whole window when it is of none."""
    blocks = view.get("blocks")
    fields = [
        str(block.get("block_id"))
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, Mapping) and block.get("type") == "input"
    ]
    if error.position not in fields:
        return _say(modals.quoted(str(error)))
    return {"response_action": "errors", "errors": {error.position: error.message[:300]}}
