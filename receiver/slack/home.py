"""The App Home: what somebody has on their hands, what waits for anybody, and this week's times."""

from collections.abc import Iterable, Sequence
from typing import Any

from receiver.notify.slack_controls import button, menu, target
from receiver.notify.slack_reach import unreached_line
from receiver.notify.slack_text import moment, mrkdwn
from receiver.response_figures import PriorityFigures
from receiver.slack.users import User
from routing.duration import format_duration
from routing.incident import Incident

View = dict[str, Any]
SHOWN = 15
_LOOKS = {"triggered": "🔴", "acknowledged": "🟡", "snoozed": "💤", "damaged": "⚠️", "newer": "⚠️"}


def home(
    user: User, incidents: Sequence[Incident], figures: Iterable[PriorityFigures], now: int
) -> View:
    """Return somebody's App Home at ``now`` (ms). ``incidents``: the open ones."""
    ordered = sorted(incidents, key=lambda one: (one.priority, one.episode_opened_at))
    mine = [one for one in ordered if is_on(one, user)]
    free = [one for one in ordered if one.state == "triggered" and one not in mine]
    others = len(ordered) - len(mine) - len(free)
    blocks: list[View] = [_header("On you"), *_rows(mine, "Nothing is on you. 🎉")]
    blocks += [_header("Waiting for somebody"), *_rows(free, "Nothing waits.")]
    if others:
        noun = "incident is" if others == 1 else "incidents are"
        blocks.append(_context(f"{others} more open {noun} with somebody else."))
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


def _rows(incidents: Sequence[Incident], nothing: str) -> list[View]:
    if not incidents:
        return [_context(nothing)]
    rows = [_row(incident) for incident in incidents[:SHOWN]]
    if len(incidents) > SHOWN:
        rows.append(_context(f"and {len(incidents) - SHOWN} more"))
    return rows


def _row(incident: Incident) -> View:
    line = f"{_LOOKS[incident.state]} *{incident.priority}* {mrkdwn(incident.title, 200)}"
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
