"""What every face of Slack shares: submit what was asked for, open windows, answer in private."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError

from receiver.actions.perform import Actions
from receiver.actions.row import Body
from receiver.actions.words import REFUSED, refusal_of
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http_client import HttpClient
from receiver.notify.notifier import Rejected
from receiver.slack.blocks.modals import notice
from receiver.slack.client.web_api import SlackApi
from receiver.slack.interactions.payload import Interaction
from receiver.slack.interactions.permissions import Permissions
from receiver.slack.mrkdwn import mrkdwn
from routing.incident import Incident
from routing.person_event import Denied
from routing.vocabulary import Reason

log = logging.getLogger("slack")

ANSWER_WITHIN_S = 2.5
"""Slack shows an error to whoever asked after 3 s."""
OPEN_WITHIN_S = 2.0
ANSWER_MAX = 1_000


class Workspace:
    """Takes what people of one workspace ask for."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        permissions: Permissions,
        api: SlackApi | None,
        base_url: str,
        clock: Clock,
        actions: Actions,
    ) -> None:
        """``api`` is None without a token: windows then cannot be opened. ``base_url``: Slack's."""
        self.actions = actions
        self.dispatcher = dispatcher
        self.store = dispatcher.store
        self.clock = clock
        self._permissions = permissions
        self._api = api
        self._base_url = base_url
        self._client = HttpClient(timeout=5)
        self._background: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Finish the private answers under way."""
        if self._background:
            await asyncio.wait(self._background, timeout=5)
        await self._client.close()
        if self._api is not None:
            await self._api.close()

    async def refusal(self, action: str, interaction: Interaction, incident: str = "") -> str:
        """Return why somebody may not do this, "" when they may; a refusal is in the audit."""
        refused = await self._permissions.refusal(action, interaction)
        if refused:
            self.dispatcher.audit.denial(interaction.actor, action, incident)
        if refused and incident:
            event_id = f"slack:denied:{action}:{interaction.moment}" if interaction.moment else ""
            await self.finish(
                self.dispatcher.submit(Denied(interaction.actor, action), incident, event_id)
            )
        return refused

    async def perform(
        self, name: str, interaction: Interaction, incident: str, body: Body, event_id: str = ""
    ) -> Outcome:
        """Do an action of the registry, as long as Slack waits; see ``Actions.perform``."""
        done = self.actions.perform(name, incident, body, interaction.actor, event_id)
        return await self.finish(done)

    @staticmethod
    async def finish(done: Awaitable[Outcome]) -> Outcome:
        """Wait until a change is durable, as long as Slack does; it goes on after that."""
        task = asyncio.ensure_future(done)
        try:
            return await asyncio.wait_for(asyncio.shield(task), ANSWER_WITHIN_S)
        except TimeoutError:
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise StoreUnavailableError("the change is not stored yet") from None

    async def load(self, incident: str) -> Incident:
        """Return an incident; PayloadError when it is not known."""
        found = await self.store.find(incident)
        if found is None:
            raise PayloadError(REFUSED[Reason.UNKNOWN_INCIDENT])
        return found

    async def show(self, interaction: Interaction, view: dict[str, Any]) -> None:
        """Open a window, or replace the one the question came from; PayloadError when not."""
        if interaction.view_id:
            await self._view("views_update", view_id=interaction.view_id, view=view)
        else:
            await self._view("views_open", trigger_id=interaction.trigger_id, view=view)

    async def publish(self, user_id: str, view: dict[str, Any]) -> None:
        """Show somebody their App Home; PayloadError when Slack does not take it."""
        await self._view("views_publish", user_id=user_id, view=view)

    async def permalink(self, channel: str, ts: str) -> str:
        """Return the address of a message, "" when it is not to be had in time."""
        if self._api is None or not channel or not ts:
            return ""
        try:
            async with asyncio.timeout(OPEN_WITHIN_S / 2):
                answer = await self._api.call("chat_getPermalink", channel=channel, message_ts=ts)
        except TimeoutError:
            return ""
        found = answer.get("permalink") if isinstance(answer, dict) else None
        return found if isinstance(found, str) else ""

    async def _view(self, method: str, **arguments: Any) -> None:
        if self._api is None:
            raise PayloadError("No window can be opened: `slack.token` is not configured.")
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                answer = await self._api.call(method, **arguments)
        except TimeoutError:
            log.warning("%s: no answer in %g s", method, OPEN_WITHIN_S)
            raise PayloadError("Slack took too long to open the window: try again.") from None
        if isinstance(answer, dict):
            return
        log.warning("%s: %s", method, answer.reason)
        again = "" if isinstance(answer, Rejected) else " Try again."
        raise PayloadError(f"Slack did not open the window: {mrkdwn(answer.reason, 300)}.{again}")

    async def tell(
        self, interaction: Interaction, text: str, title: str = "Nothing changed"
    ) -> None:
        """Say something where the question came from: in its window, or in private."""
        if interaction.view_id or interaction.home:
            await self.show(interaction, notice(title, text))
        else:
            self.whisper(interaction, text)

    def whisper(self, interaction: Interaction, text: str) -> None:
        """Tell the one who asked, in private and without making them wait."""
        if interaction.response_url and self._is_slack(interaction.response_url):
            body = {"response_type": "ephemeral", "replace_original": False, "text": text}
            self.later(self._post(interaction.response_url, body))
        elif interaction.channel and self._api is not None:
            self.later(self._ephemeral(self._api, interaction, text))

    def later(self, work: Any) -> None:
        """Go on with something after the answer."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _is_slack(self, url: str) -> bool:
        try:
            parts, ours = urlsplit(url), urlsplit(self._base_url)
        except ValueError:
            return False
        if (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc):
            return True
        return parts.scheme == "https" and parts.hostname == "hooks.slack.com"

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        try:
            await self._client.ask("POST", url, most=ANSWER_MAX, cut=True, json=body)
        except (ClientError, TimeoutError, OSError) as error:
            log.info("a private answer was not delivered: %s", error)

    @staticmethod
    async def _ephemeral(api: SlackApi, interaction: Interaction, text: str) -> None:
        answer = await api.call(
            "chat_postEphemeral", channel=interaction.channel, user=interaction.user_id, text=text
        )
        if not isinstance(answer, dict):
            log.info("a private answer was not delivered: %s", answer.reason)


def said(outcome: Outcome) -> str:
    """Return what whoever asked should know, "" when the message itself shows it."""
    by = outcome.incident.acknowledged_by if outcome.incident is not None else None
    return refusal_of(outcome, mrkdwn(by.name, 80) if by else "")
