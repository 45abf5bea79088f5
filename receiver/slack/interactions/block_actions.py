"""What a press on a button or a choice from a menu does: an action at once, or a window."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError

from receiver.actions.registry import permission_of
from receiver.actions.words import REFUSED
from receiver.errors import PayloadError, SilenceError
from receiver.review.load import Reviews
from receiver.slack.blocks import modals
from receiver.slack.blocks.buttons import MENU_ID, MORE, REVIEW, read_target
from receiver.slack.blocks.form import OPTIONS_MAX, form
from receiver.slack.blocks.review_modal import review_window
from receiver.slack.blocks.status_modal import status_update
from receiver.slack.blocks.verbs import Verb, verb_of
from receiver.slack.interactions.payload import Interaction, Json, table, text
from receiver.slack.interactions.workspace import Workspace, said
from receiver.store.lists.query import Query
from routing.incident import Incident
from routing.person_event import (
    ActionItemDone,
    Merged,
    PriorityChanged,
    Resolved,
    Silenced,
    Snoozed,
    StatusUpdated,
)
from routing.silence import default_matchers
from routing.vocabulary import Reason

log = logging.getLogger("slack")

View = dict[str, Any]
Window = Callable[[Incident, Interaction], Awaitable[View]]


class BlockActions:
    """Buttons and menus under messages, in windows and in the App Home."""

    def __init__(self, workspace: Workspace, reviews: Reviews, url: Callable[[str], str]) -> None:
        """``url(incident id)``: its page."""
        self._workspace = workspace
        self._reviews = reviews
        self._url = url
        self._windows: Mapping[str, Window] = {
            Merged.action: self._merge,
            PriorityChanged.action: self._priority,
            Resolved.action: self._resolve,
            Silenced.action: self._silence,
            Snoozed.action: self._snooze,
            StatusUpdated.action: self._status,
        }
        """Windows that know more than their action's row."""
        self._shown: Mapping[str, Window] = {
            MORE: self._more,
            REVIEW[0]: self._review,
        }
        """Windows that only show something, which everybody may see."""

    async def press(self, interaction: Interaction, action: Json) -> bool:
        """Do what one element of a ``block_actions`` payload says; False: it does nothing here."""
        name, value = _read(action)
        verb = verb_of(name)
        if verb is None and name not in self._shown:
            return False
        try:
            incident, episode, given = read_target(value)
            self._workspace.store.of(incident)
        except ValueError:
            raise PayloadError("the button carries no incident") from None
        try:
            if verb is None:
                await self._workspace.show(
                    interaction,
                    await self._shown[name](await self._workspace.load(incident), interaction),
                )
            elif not await self._refused(interaction, verb, incident):
                if verb.asks:
                    await self._ask(interaction, name, verb, incident)
                else:
                    await self._do(interaction, name, verb, incident, episode, given)
        except PayloadError as error:
            await self._workspace.tell(interaction, error.message)
        except SilenceError as error:
            await self._workspace.tell(interaction, modals.quoted(str(error)))
        except SlackObjectFormationError as error:
            log.exception("a window of incident %s is beyond what Slack shows", incident)
            words = f"Slack cannot show the window: {modals.quoted(str(error))}."
            await self._workspace.tell(interaction, words)
        return True

    async def _refused(self, interaction: Interaction, verb: Verb, incident: str) -> bool:
        refused = await self._workspace.refusal(permission_of(verb.action), interaction, incident)
        if refused:
            await self._workspace.tell(interaction, refused)
        return bool(refused)

    async def _do(
        self,
        interaction: Interaction,
        name: str,
        verb: Verb,
        incident: str,
        episode: int,
        given: Mapping[str, str],
    ) -> None:
        body = verb.row.body_of({**verb.given, **given}, episode)
        event_id = (
            f"slack:{incident}:{name}:{interaction.user_id}:{interaction.moment}"
            if interaction.moment
            else ""
        )
        words = said(
            await self._workspace.perform(verb.action, interaction, incident, body, event_id)
        )
        if words:
            await self._workspace.tell(interaction, words)
        elif verb.action == ActionItemDone.action:
            await self._workspace.show(
                interaction, await self._review(await self._workspace.load(incident), interaction)
            )
        elif interaction.view_id:
            await self._workspace.tell(interaction, verb.row.done or "Done.", "Done")

    async def _ask(self, interaction: Interaction, name: str, verb: Verb, incident: str) -> None:
        found = await self._workspace.load(incident)
        made = self._windows.get(verb.action)
        if made is None:
            view = form(name, found, interaction.channel)
        else:
            view = await made(found, interaction)
        await self._workspace.show(interaction, view)

    async def _more(self, incident: Incident, interaction: Interaction) -> View:
        return modals.more(
            incident, interaction.channel, public=bool(self._workspace.actions.components)
        )

    async def _status(self, incident: Incident, interaction: Interaction) -> View:
        components = self._workspace.actions.components
        if not components:
            raise PayloadError("There is no status page.")
        return status_update(incident, interaction.channel, components)

    async def _snooze(self, incident: Incident, interaction: Interaction) -> View:
        return modals.snooze(incident, interaction.channel, self._workspace.clock.now())

    async def _priority(self, incident: Incident, interaction: Interaction) -> View:
        return modals.priority(incident, interaction.channel)

    async def _resolve(self, incident: Incident, interaction: Interaction) -> View:
        return modals.resolve(incident, interaction.channel)

    async def _merge(self, incident: Incident, interaction: Interaction) -> View:
        page = await self._workspace.store.lists.page(Query(), OPTIONS_MAX + 1)
        others = [other for other in page.incidents if other.id != incident.id]
        total = (page.total or 0) - incident.is_open
        return modals.merge(incident, interaction.channel, others, total)

    async def _silence(self, incident: Incident, interaction: Interaction) -> View:
        now = self._workspace.clock.now()
        active = [
            known for known in incident.silences if not known.expired_at and known.until > now
        ]
        matchers = [str(matcher) for matcher in default_matchers(incident)]
        return modals.silence(incident, interaction.channel, matchers, active)

    async def _review(self, incident: Incident, _ask: Interaction) -> View:
        review = await self._reviews.find(incident.id)
        if review is None:
            raise PayloadError(REFUSED[Reason.UNKNOWN_INCIDENT])
        return review_window(review, incident.episode, f"{self._url(incident.id)}/review")


def _read(action: Json) -> tuple[str, str]:
    """Return (verb, value) of a pressed element; a menu's options carry their verb themselves."""
    if text(action, "action_id") == MENU_ID:
        verb, _, value = text(table(action, "selected_option"), "value").partition(" ")
        return verb, value
    return text(action, "action_id"), text(action, "value")
