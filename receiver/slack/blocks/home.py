"""The App Home: what somebody has on their hands, what waits for anybody, and this week's times."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from receiver.observability.response_figures import PriorityFigures
from receiver.slack.blocks.buttons import button, menu, target
from receiver.slack.blocks.looks import LOOKS
from receiver.slack.blocks.reach import unreached_line
from receiver.slack.client.directory import User
from receiver.slack.mrkdwn import moment, mrkdwn
from receiver.store.lists.query import Query
from routing.duration import format_duration
from routing.incident import Incident

View = dict[str, Any]
SHOWN = 15


class Work(msgspec.Struct, frozen=True):
    """What is open, as far as an App Home shows it.

    ``looked_at``: the most urgent of ``total`` open ones, among which one's own are looked for.
    ``free``: the first of those nobody has, of ``waiting`` in all. ``url``: where all of them are.
    """

    looked_at: Sequence[Incident]
    total: int
    free: Sequence[Incident]
    waiting: int
    url: str


def home(user: User, work: Work, figures: Iterable[PriorityFigures], now: int) -> View:
    """Return somebody's App Home at ``now`` (ms)."""
    mine = [one for one in work.looked_at if is_on(one, user)]
    free = [one for one in work.free if not is_on(one, user)]
    # One that was given to somebody who has not taken it yet is theirs, and waits no less.
    waiting = max(len(free), work.waiting - sum(one.state == "triggered" for one in mine))
    others = work.total - len(mine) - waiting
    blocks: list[View] = [_header("On you"), *_rows(mine, len(mine), work.url)]
    if len(work.looked_at) < work.total:
        words = f"Looked for among the {len(work.looked_at):,} most urgent of {work.total:,} open."
        blocks.append(_context(words))
    elif not mine:
        blocks.append(_context("Nothing is on you. 🎉"))
    blocks += [
        _header("Waiting for somebody"),
        *_rows(free, waiting, Query(state="triggered").address(work.url)),
    ]
    if not waiting:
        blocks.append(_context("Nothing waits."))
    if others > 0:
        noun = "incident is" if others == 1 else "incidents are"
        blocks.append(_context(f"{others:,} more open {noun} with somebody else."))
    blocks += [_header("This week"), _figures(figures), _context(f"As of {moment(now)}")]
    blocks.append(
        {
            "type": "actions",
            "elements": [
                button("Open an incident", "open_by_hand"),
                button("Refresh", "refresh_home"),
            ],
        }
    )
    return {"type": "home", "blocks": blocks}


def is_on(incident: Incident, user: User) -> bool:
    """Return whether somebody took an incident, here or in PagerDuty, or it was given to them."""
    actor = incident.assigned_to or incident.acknowledged_by
    return actor is not None and (actor.via, actor.id) in user.identities


def _rows(incidents: Sequence[Incident], total: int, url: str) -> list[View]:
    rows = [_row(incident) for incident in incidents[:SHOWN]]
    if total > len(rows):
        rows.append(_context(f"and {total - len(rows):,} more: <{url}|all of them>"))
    return rows


def _row(incident: Incident) -> View:
    line = f"{LOOKS[incident.state]} *{incident.priority}* {mrkdwn(incident.title, 200)}"
    text = f"{line}\n{_clock(incident)}"
    if incident.is_unreached:
        text += f"\n{unreached_line(incident)}"
    waits = incident.state == "triggered"
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
        "accessory": button("Acknowledge", "acknowledge", value=target(incident), style="primary")
        if waits
        else menu(incident),
    }


def _clock(incident: Incident) -> str:
    if incident.state == "snoozed":
        return f"💤 snoozed until {moment(incident.snoozed_until)}"
    name = "acknowledge" if incident.state == "triggered" else "resolve"
    deadline = incident.deadlines.get(name)
    if deadline is None:
        return f"open since {moment(incident.episode_opened_at)}"
    if deadline.missed_at:
        return f"⏰ *not {name}d in time*: it was due {moment(deadline.due)}"
    return f"⏱ {name} by *{moment(deadline.due)}*"


def _figures(figures: Iterable[PriorityFigures]) -> View:
    lines = [
        f"*{of.priority}*  {of.opened} opened · MTTA {_mean(of.mtta)} · MTTR {_mean(of.mttr)}"
        f" · {_deadlines(of)}"
        for of in figures
        if of.opened or of.met or of.missed
    ]
    text = "\n".join(lines) or "No incidents."
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _deadlines(of: PriorityFigures) -> str:
    judged = of.met + of.missed
    return f"{of.met} of {judged} deadlines met" if judged else "no deadlines yet"


def _mean(seconds: float | None) -> str:
    return "none" if seconds is None else format_duration(int(seconds) * 1000)


def _header(text: str) -> View:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _context(text: str) -> View:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}
