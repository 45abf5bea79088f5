"""The review in Slack: a summary in a window, with a link to the whole and what is to be done.

A section holds 3,000 characters (docs.slack.dev, "Section block"): what is newest matters most.
"""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import ActionsBlock

from receiver.review.model import Episode, Item, Line, Review
from receiver.slack.blocks.buttons import URL_MAX, button
from receiver.slack.blocks.modal_parts import section
from receiver.slack.blocks.modals import notice
from receiver.slack.blocks.verbs import name_of
from receiver.slack.mrkdwn import moment, mrkdwn
from routing.duration import format_duration
from routing.person_event import ActionItemDone
from routing.runbook import is_link

LINES_SHOWN = 30
LINE_MAX = 160
ROOM = 2_900
ITEMS_SHOWN = 20
UNTOLD = frozenset({"paged", "denied"})

Block = dict[str, Any]


def review_window(review: Review, episode: int, url: str) -> Block:
    """Return the window; ``episode``: the newest, as buttons carry it, ``url``: of the whole."""
    head = "\n".join(_head(review))
    more: list[Block] = []
    lines = [line for line in review.timeline if line.kind not in UNTOLD]
    if lines:
        more.append(section(_newest(lines)))
    more += [_item(review, episode, item) for item in review.action_items[:ITEMS_SHOWN]]
    hidden = len(review.action_items) - ITEMS_SHOWN
    if hidden > 0:
        more.append(section(f"_and {hidden} more action items_"))
    buttons = [button("Add an action item…", "action_item", value=f"{review.id} {episode}")]
    if is_link(url) and len(url) <= URL_MAX:
        buttons.insert(0, button("The whole review", "open_review", url=url, style="primary"))
    more.append(ActionsBlock(elements=buttons).to_dict())
    return notice("Post-incident review", head, *more)


def _head(review: Review) -> list[str]:
    last = review.episodes[-1] if review.episodes else None
    times = f", episode {last.number}" if last and last.number > 1 else ""
    opened = last.opened_at if last else review.opened_at
    people = ", ".join(person.name for person in review.people)
    still = "  _It is still open._" if review.is_open else ""
    found = [
        f"*{review.priority}* {review.state}: {mrkdwn(review.title, 300)}",
        f"*Opened* {moment(opened)}{times}{still}",
        f"*To acknowledge* {_took(last, 'acknowledge')}",
        f"*To resolve* {_took(last, 'resolve')}",
        f"*Alerts* {review.impact.alerts}   *People* {mrkdwn(people, 300) or 'nobody'}",
    ]
    if last is not None and last.cause:
        found.append(f"*Cause* {mrkdwn(last.cause, 500)}")
    document = review.document
    if document.version:
        found.append(f"*Written* version {document.version} by {mrkdwn(document.saved_by, 80)}")
        texts = (("Impact", document.impact), ("Causes", document.causes))
        found += [f"*{name}* {mrkdwn(text, 400)}" for name, text in texts if text]
    return found


def _took(episode: Episode | None, name: str) -> str:
    """Return how long an answer took, and how the newest clock of this name ended."""
    if episode is None:
        return "not yet"
    span = episode.to_acknowledge if name == "acknowledge" else episode.to_resolve
    never = "never" if episode.ended_at else "not yet"
    words = never if span is None else format_duration(span // 1000 * 1000)
    found = [clock.outcome for clock in episode.clocks if clock.name == name]
    if not found:
        return words
    return (
        f"{words}  ⏰ deadline missed"
        if found[-1] == "missed"
        else f"{words}  deadline {found[-1]}"
    )


def _newest(lines: Sequence[Line]) -> str:
    shown = [f"{moment(line.at)}  {mrkdwn(line.text, LINE_MAX)}" for line in lines[-LINES_SHOWN:]]
    text = ""
    while shown and len(shown[-1]) + len(text) < ROOM:
        text = f"{shown.pop()}\n{text}"
    left = len(lines) - text.count("\n")
    return (f"_{left} earlier entries_\n{text}" if left else text).rstrip()


def _item(review: Review, episode: int, item: Item) -> Block:
    mark = "☑️" if item.done_at else "📌"
    owner = f"  ({mrkdwn(item.owner, 80)})" if item.owner else ""
    due = f"  due {item.due_on}" if item.due_on else ""
    words = f"{mark} {item.number}: {mrkdwn(item.text, 1_000)}{owner}{due}"
    if item.done_at:
        return section(words)
    value = f"{review.id} {episode} number:{item.number}"
    return section(words, button("Done", name_of(ActionItemDone.action), value=value))
