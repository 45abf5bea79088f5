"""The windows (modals) that know more than their row: what is silenced, what it may merge into.

Pure: what is shown, not what is done. Limits: see ``form``.
"""

from collections.abc import Sequence

from receiver.actions.registry import REGISTRY
from receiver.actions.status_page import STATUS_ACTIONS
from receiver.slack.blocks.buttons import CLOSED_MENU, OPEN_MENU, REVIEW, button, target
from receiver.slack.blocks.form import OPTIONS_MAX, form, select
from receiver.slack.blocks.modal_parts import (
    TEXT_MAX,
    Block,
    Origin,
    View,
    about,
    context,
    field,
    line,
    lines,
    modal,
    origin_of,
    section,
    sections,
)
from receiver.slack.blocks.verbs import asking
from receiver.slack.mrkdwn import moment, mrkdwn, plain
from routing.alert import PRIORITIES
from routing.incident import Incident
from routing.incident_parts import Silence
from routing.person_event import Acknowledged, Escalated, Reopened, StatusUpdated

_ON_THE_MESSAGE = {Acknowledged.action, Escalated.action, Reopened.action}
_IN_MENUS = {verb for verb, _ in (*OPEN_MENU, *CLOSED_MENU)} - {"action_item"}


def more(incident: Incident, channel: str, *, public: bool = False) -> View:
    """Return the window that lists what is done less often; ``public``: there is a status page."""
    blocks = [about(incident)]
    for name, row in REGISTRY.items():
        verb, words = asking(name)
        if name in _ON_THE_MESSAGE or verb in _IN_MENUS or not row.when(incident):
            continue
        # Taking back and showing again are buttons of the status page's window.
        if name in STATUS_ACTIONS and not (public and name == StatusUpdated.action):
            continue
        blocks.append(_offer(verb, words, row.meaning, incident))
    meaning = "Times, what was tried, and what is to be done."
    blocks.append(_offer(*REVIEW, meaning, incident))
    return modal("more", "What to do", "", blocks, origin_of(incident, channel))


def _offer(verb: str, words: str, meaning: str, incident: Incident) -> Block:
    return section(meaning, button(words, verb, value=target(incident)), verbatim=None)


def snooze(incident: Incident, channel: str, now: int) -> View:
    """Return the window that asks until when; an hour from ``now`` (ms) is proposed."""
    return form("snooze", incident, channel, initial={"until": str(now // 1000 + 3600)})


def priority(incident: Incident, channel: str) -> View:
    """Return the window that asks for another priority and why."""
    return form("priority", incident, channel, initial={"priority": incident.priority})


def resolve(incident: Incident, channel: str) -> View:
    """Return the window that asks what it was."""
    firing = len(incident.firing())
    after = []
    if firing and incident.kind != "manual":
        alerts = "1 alert still fires" if firing == 1 else f"{firing} alerts still fire"
        after.append(context(f"⚠️ {alerts}; quiet until they resolve or change."))
    return form("resolve_cause", incident, channel, after=after)


def silence(
    incident: Incident,
    channel: str,
    matchers: Sequence[str],
    active: Sequence[Silence],
) -> View:
    """Return the window that asks what to silence and for how long; it lists what is silenced."""
    before = []
    for known in active:
        words = f"🔕 `{mrkdwn(known.matchers, 1_500)}`\nuntil {moment(known.until)}, by "
        end = button("End it", "unsilence", value=target(incident, silence=known.id))
        before.append(section(words + mrkdwn(known.by, 80), end, verbatim=None))
    initial = {"matchers": "\n".join(matchers)}
    return form("silence", incident, channel, initial=initial, before=before)


def merge(incident: Incident, channel: str, others: Sequence[Incident], total: int) -> View:
    """Return the window that asks which incident goes on for both.

    ``others``: the first of ``total`` open ones beside it, most urgent first.
    """
    if not others:
        return notice("Merge", "There is no other open incident to merge it into.")
    choices = [(other.id, f"{other.priority} {other.title}") for other in others[:OPTIONS_MAX]]
    after = []
    if total > len(choices):
        words = f"These are the {len(choices)} most urgent of {total:,}. Into any other by its id:"
        command = f"`incident-manager incidents merge {incident.id} ID`"
        after.append(context(f"{words} {command}"))
    return form("merge", incident, channel, choices={"into": choices}, after=after)


def open_incident(channel: str, key: str, title: str = "", details: str = "") -> View:
    """Return the window that opens an incident by hand; ``key`` makes it one however often sent."""
    named = line("What is wrong, in a few words?", 200, plain(title, 200) if title.strip() else "")
    known = details[:TEXT_MAX] if details.strip() else ""
    choice = select([(name, name) for name in PRIORITIES], PRIORITIES[2])
    blocks = [
        field("title", "Title", named),
        field("priority", "Priority", choice),
        field("details", "Details", lines("What do you know so far?", known), optional=True),
        context("It pages like any other incident of its priority."),
    ]
    return modal("open", "Open an incident", "Open", blocks, Origin(channel=channel, key=key))


def notice(title: str, text: str, *more: Block) -> View:
    """Return a window that only says something (mrkdwn); ``more``: blocks below it."""
    return modal("notice", title, "", [*sections(text), *more], Origin())


def quoted(text: str) -> str:
    """Return words that were made elsewhere as mrkdwn that shows them as they are."""
    return mrkdwn(text, 1_000)
