"""The slash command: everything about incidents in words, answered in private."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from receiver.actions.open_incident import OpenBody, OpenIncident
from receiver.actions.registry import REGISTRY
from receiver.actions.steering import WORKING_HOURS
from receiver.actions.words import DONE
from receiver.errors import PayloadError
from receiver.notify.notifier import Person, View
from receiver.slack.blocks.incident_message import incident_message
from receiver.slack.blocks.modals import quoted
from receiver.slack.interactions.listing import (
    PART_OF_ID,
    SHOWN,
    incident_list,
    read_list,
    say,
)
from receiver.slack.interactions.payload import Interaction
from receiver.slack.interactions.workspace import Workspace, said
from receiver.slack.mrkdwn import mrkdwn
from receiver.store.lists.query import Query
from routing.alert import PRIORITIES
from routing.handle import HANDLE, ID, handles_of, is_handle, short
from routing.incident import Incident
from routing.incident_parts import Page
from routing.person_event import Acknowledged, Noted, Resolved, Snoozed

Answer = dict[str, Any]
LISTED = 8
MORNING = ("morning", "until morning", "working hours")
_NO_PAGE = Page(0, 0, 0, "opened")


class SlashCommand:
    """Answers ``/incident ...``."""

    def __init__(
        self,
        workspace: Workspace,
        open_incident: OpenIncident,
        name: str,
        on_call: Callable[[], Sequence[dict[str, Any]]],
        mention: Callable[[tuple[Person, ...]], Awaitable[str]],
        url: Callable[[str], str],
    ) -> None:
        """``name`` is the command itself; ``on_call()`` is what is known of each policy.

        ``mention(people)`` gives mrkdwn for people, ``url(incident id)`` its page in the
        console, of "" the list of all.
        """
        self._workspace = workspace
        self._open_incident = open_incident
        self._name = name
        self._on_call = on_call
        self._mention = mention
        self._url = url
        self._verbs: dict[str, Callable[[Interaction, str], Awaitable[Answer]]] = {
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

    async def answer(self, interaction: Interaction, text: str) -> Answer:
        """Return the private answer to what was typed after the command."""
        verb, _, rest = text.strip().partition(" ")
        work = self._verbs.get(verb.lower() or "list")
        try:
            if work is None:
                return say(f"I do not know `{quoted(verb)}`.\n{self._usage()}")
            return await work(interaction, rest.strip())
        except PayloadError as error:
            return say(error.message)

    async def _list(self, _ask: Interaction, rest: str) -> Answer:
        query = read_list(rest)
        lists = self._workspace.store.lists
        page = await lists.page(query, SHOWN)
        if not page.incidents and not page.next:
            named = " ".join(value for _, value in query.parameters())
            return say(f"No open {f'{quoted(named)} ' if named else ''}incidents. 🎉")
        handles = handles_of([one.id for one in page.incidents], await self._open_count())
        return incident_list(page, handles, query.address(self._url("")))

    async def _show(self, _ask: Interaction, rest: str) -> Answer:
        incident, _ = await self._find(rest)
        view = View(incident, _NO_PAGE, (), self._workspace.clock.now(), self._url(incident.id))
        text, blocks = incident_message(view)
        return say(text, blocks)

    async def _acknowledge(self, interaction: Interaction, rest: str) -> Answer:
        incident, _ = await self._find(rest)
        return await self._act(interaction, Acknowledged.action, incident, {})

    async def _resolve(self, interaction: Interaction, rest: str) -> Answer:
        incident, cause = await self._find(rest, text=True)
        return await self._act(interaction, Resolved.action, incident, {"cause": cause})

    async def _snooze(self, interaction: Interaction, rest: str) -> Answer:
        incident, until = await self._find(rest, text=True)
        if not until:
            raise PayloadError(f"For how long? `{self._name} snooze {short(incident.id)} 1h`")
        given = {"until": WORKING_HOURS} if until.lower() in MORNING else {"for": until}
        return await self._act(interaction, Snoozed.action, incident, given)

    async def _note(self, interaction: Interaction, rest: str) -> Answer:
        incident, text = await self._find(rest, text=True)
        if not text:
            raise PayloadError(f"What note? `{self._name} note {short(incident.id)} what I saw`")
        return await self._act(interaction, Noted.action, incident, {"text": text})

    async def _act(
        self, interaction: Interaction, name: str, incident: Incident, given: Mapping[str, str]
    ) -> Answer:
        refused = await self._workspace.refusal(name, interaction, incident.id)
        if refused:
            return say(refused)
        event_id = (
            f"slack:{incident.id}:{name}:{interaction.user_id}:{interaction.moment}"
            if interaction.moment
            else ""
        )
        try:
            body = REGISTRY[name].body_of(given, incident.episode)
            outcome = await self._workspace.perform(name, interaction, incident.id, body, event_id)
        except PayloadError as error:
            raise PayloadError(quoted(f"{error.position}: {error.message}")) from None
        words = said(outcome) or DONE.get(outcome.reason, "Done.")
        return say(f"{words.rstrip('.')}: *{incident.priority}* {mrkdwn(incident.title, 300)}")

    async def _open(self, interaction: Interaction, rest: str) -> Answer:
        refused = await self._workspace.refusal("open", interaction)
        if refused:
            return say(refused)
        priority, _, title = rest.partition(" ")
        if priority.upper() not in PRIORITIES:
            priority, title = "P3", rest
        if not title.strip():
            raise PayloadError(f"What is wrong? `{self._name} open P2 The shop is slow`")
        body = OpenBody(title=title.strip(), priority=priority.upper())
        try:
            work = self._open_incident.open(
                body, interaction.actor, interaction.moment or uuid.uuid4().hex
            )
            outcome = await self._workspace.finish(work)
        except PayloadError as error:
            raise PayloadError(quoted(f"{error.position} {error.message}")) from None
        incident = outcome.incident
        handle = f" `{incident.id}`" if incident is not None else ""
        return say(f"Opened{handle} as {body.priority}: {mrkdwn(body.title, 200)}")

    async def _who(self, _ask: Interaction, _rest: str) -> Answer:
        policies = self._on_call()
        if not policies:
            return say("Who is on call is not known here: PagerDuty's REST key is not configured.")
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
        return say("\n".join(lines))

    async def _help(self, _ask: Interaction, _rest: str) -> Answer:
        return say(self._usage())

    def _usage(self) -> str:
        name = self._name
        return "\n".join(
            [
                f"`{name} list [P1] [triggered] [words]`  open incidents, most urgent first",
                f"`{name} show ID`  one incident, with its buttons",
                f"`{name} ack ID`  take it",
                f"`{name} resolve ID [cause]`  it is over",
                f"`{name} snooze ID 1h` or `… snooze ID morning`  pauses its clocks",
                f"`{name} note ID text`  write something down",
                f"`{name} open [P2] what is wrong`  open an incident by hand",
                f"`{name} who`  who is on call",
                "ID is what the list shows; it may be left out when one incident is open.",
            ]
        )

    async def _find(self, rest: str, *, text: bool = False) -> tuple[Incident, str]:
        """Return (open incident, what follows its name); PayloadError says which there are.

        ``text``: something may follow, without a name where one incident alone is open. What looks
        like a name is one all the same: whoever means another incident must not end this one.
        """
        word, _, following = rest.partition(" ")
        wanted = word.strip("`#").lower()
        if ID.fullmatch(wanted):
            return await self._workspace.load(wanted), following.strip()
        if is_handle(wanted) or (not text and HANDLE.fullmatch(wanted)):
            # Among all that is open: among some, a handle might name the wrong one.
            named = sorted(await self._workspace.store.lists.open_ids(wanted))
            if len(named) == 1:
                return await self._workspace.load(named[0]), following.strip()
            if named:
                which = await self._listed(named[:LISTED])
                raise PayloadError(f"`{wanted}` may be any of {which}: write more of it.")
        if word and (not text or is_handle(wanted) or PART_OF_ID.fullmatch(wanted)):
            which = await self._which("Open:")
            raise PayloadError(f"No open incident is named `{quoted(word[:60])}`. {which}")
        page = await self._workspace.store.lists.page(Query(), LISTED)
        if page.total == 1 and page.incidents:
            return page.incidents[0], rest
        raise PayloadError(await self._which("Which one?"))

    async def _which(self, asked: str) -> str:
        """Return which incidents are open, in words."""
        page = await self._workspace.store.lists.page(Query(), LISTED)
        if not page.incidents:
            return "There is no open incident. 🎉"
        which = await self._listed([one.id for one in page.incidents])
        more = f", and {page.total - LISTED:,} more" if page.total and page.next else ""
        return f"{asked} {which}{more}"

    async def _open_count(self) -> int:
        return await self._workspace.store.lists.total(Query()) or 0

    async def _listed(self, names: Sequence[str]) -> str:
        handles = handles_of(names, await self._open_count())
        found = [await self._workspace.store.find(name) for name in names]
        return ", ".join(
            f"`{handles.get(one.id, one.id)}` {one.priority} {mrkdwn(one.title, 60)}"
            for one in found
            if one is not None
        )
