"""The one answer to everything Slack sends, however it came: over HTTP or a socket."""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from receiver.errors import PayloadError, StoreUnavailableError
from receiver.observability.response_figures import by_priority
from receiver.slack.blocks import modals
from receiver.slack.blocks.home import SHOWN, Work, home
from receiver.slack.client.directory import SlackUsers
from receiver.slack.interactions.block_actions import BlockActions
from receiver.slack.interactions.payload import (
    Interaction,
    Json,
    read_command,
    read_interaction,
    table,
    text,
    user_of,
)
from receiver.slack.interactions.slash_command import SlashCommand
from receiver.slack.interactions.view_submissions import ViewSubmissions
from receiver.slack.interactions.workspace import Workspace
from receiver.store.daily_figures import FigureStore
from receiver.store.lists.query import Query

log = logging.getLogger("slack")

OPEN_FROM_MESSAGE = "open_from_message"
OPEN_INCIDENT = "open_incident"
LOOKED_AT = 1_000
"""Open incidents, the most urgent, among which those on somebody are looked for."""
WEEK_DAYS = 7
TITLE_MAX = 200
Answer = dict[str, Any]


class Router:
    """Answers interactive payloads, commands and events of Slack."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        workspace: Workspace,
        buttons: BlockActions,
        submissions: ViewSubmissions,
        command: SlashCommand,
        figures: FigureStore,
        users: SlackUsers,
        url: str,
    ) -> None:
        """``url``: of the console."""
        self._url = url
        self._workspace = workspace
        self._block_actions = buttons
        self._submissions = submissions
        self._command = command
        self._figures = figures
        self.users = users
        self._kinds: Mapping[str, Callable[[Json], Any]] = {
            "interactive": self._interactive,
            "slash_commands": self._slash,
            "events_api": self._event,
        }

    async def close(self) -> None:
        """Finish what goes on after answers, and close the connections."""
        await self._workspace.close()

    async def answer(self, kind: str, payload: Json) -> Answer:
        """Return the body of the answer, {} for an empty one.

        ``kind`` as Socket Mode names it: interactive, slash_commands or events_api. PayloadError
        for what cannot be read, StoreUnavailableError for what could not be stored.
        """
        handle = self._kinds.get(kind)
        if handle is None:
            return {}
        found: Answer = await handle(payload)
        return found

    async def _interactive(self, payload: Json) -> Answer:
        kind = text(payload, "type")
        try:
            interaction = read_interaction(payload)
        except ValueError as error:
            raise PayloadError(str(error)) from None
        if kind == "block_actions":
            await self._press(interaction, payload)
        elif kind == "view_submission":
            view = table(payload, "view")
            pressed = Interaction(
                interaction.user_id, interaction.user_name, moment=interaction.moment
            )
            return await self._submissions.submit(pressed, view)
        elif kind in ("message_action", "shortcut"):
            await self._shortcut(interaction, payload)
        return {}

    async def _press(self, interaction: Interaction, payload: Json) -> None:
        actions = payload.get("actions")
        for action in actions if isinstance(actions, list) else []:
            if not isinstance(action, Mapping):
                continue
            name = text(action, "action_id")
            if name == "open_by_hand":
                await self._offer(interaction, modals.open_incident("", uuid.uuid4().hex))
            elif name != "refresh_home":
                await self._block_actions.press(interaction, action)
        if interaction.home:
            await self._show_home(interaction.user_id)

    async def _shortcut(self, interaction: Interaction, payload: Json) -> None:
        callback = text(payload, "callback_id")
        if callback == OPEN_INCIDENT:
            await self._offer(interaction, modals.open_incident("", uuid.uuid4().hex))
        elif callback == OPEN_FROM_MESSAGE:
            message = table(payload, "message")
            said = text(message, "text")
            title = next((line for line in said.splitlines() if line.strip()), "")
            link = await self._workspace.permalink(interaction.channel, text(message, "ts"))
            details = "\n\n".join(part for part in (said[:1_500], link) if part)
            view = modals.open_incident(
                interaction.channel, uuid.uuid4().hex, title[:TITLE_MAX], details
            )
            await self._offer(interaction, view)

    async def _offer(self, interaction: Interaction, view: Answer) -> None:
        refused = await self._workspace.refusal("open", interaction)
        try:
            await self._workspace.show(
                interaction, modals.notice("Not for you", refused) if refused else view
            )
        except PayloadError as error:
            self._workspace.whisper(interaction, error.message)

    async def _slash(self, payload: Json) -> Answer:
        try:
            interaction = read_command(payload)
        except ValueError as error:
            raise PayloadError(str(error)) from None
        try:
            return await self._command.answer(interaction, text(payload, "text"))
        except StoreUnavailableError as error:
            log.warning("a command was not answered: %s", error)
            words = "It could not be stored just now: try again in a moment."
            return {"response_type": "ephemeral", "text": words}

    async def _event(self, payload: Json) -> Answer:
        event = table(payload, "event")
        if text(event, "type") == "app_home_opened" and text(event, "tab") in ("home", ""):
            user = user_of(event, "user")
            if user:
                self._workspace.later(self._show_home(user))
        return {}

    async def _show_home(self, user: str) -> None:
        now = self._workspace.clock.now()
        try:
            work = await self._work()
            figures = by_priority(await self._figures.days(_day(now), WEEK_DAYS))
            person = await self.users.whole(user)
            await self._workspace.publish(user, home(person, work, figures, now))
        except (PayloadError, StoreUnavailableError) as error:
            log.info("the App Home of %s is not up to date: %s", user, error)

    async def _work(self) -> Work:
        lists = self._workspace.store.lists
        looked_at = await lists.page(Query(), LOOKED_AT)
        # As many may be on whoever looks, and those are shown above.
        free = await lists.page(Query(state="triggered"), 2 * SHOWN)
        return Work(
            looked_at.incidents,
            looked_at.total or 0,
            free.incidents,
            free.total or 0,
            self._url,
        )


def _day(now: int) -> date:
    return datetime.fromtimestamp(now / 1000, UTC).date()
