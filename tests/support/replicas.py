"""Two replicas of the service on one Valkey, and people who all click at once."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.fakes.slack_messages import Message, Sent
from tests.support.notification import alert
from tests.support.slack_transport import Transport, settings_for
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
USERS = ("U1", "U2", "U3")
CLICKS = ("acknowledge", "priority", "note", "escalate", "unacknowledge", "snooze_hour", "resolve")
"""What all of them do at once, one after another; each leaves the next one possible."""
ENTRY = {
    "acknowledge": "acknowledged",
    "escalate": "escalated_by",
    "snooze_hour": "snoozed",
    "note": "note",
    "priority": "priority_set",
    "unacknowledge": "unacknowledged",
    "resolve": "resolved",
}
ONCE = ("acknowledge", "unacknowledge", "resolve", "priority")
"""Of these one counts, whoever else asks for the same; the others are each person's own."""


class Done(msgspec.Struct):
    """What came of one action by everybody: answers within 3 s, the slowest, wrong incidents."""

    action: str
    answers: int
    slowest: float
    wrong: int


@asynccontextmanager
async def two_replicas(folder: Path, transport: str) -> AsyncIterator[tuple[App, App]]:
    """Run two replicas on one Valkey with the same fakes."""
    slack, pagerduty = FakeSlack(), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    first, second = App(folder, slack, pagerduty), App(folder, slack, pagerduty)
    settings = settings_for(transport)
    await first.start(**settings)
    embedded: Any = first.service.embedded
    await second.start(**{"redis.url": embedded.url, **settings})
    try:
        yield first, second
    finally:
        await second.stop()
        await first.stop()
        await slack.stop()
        await pagerduty.stop()


async def click_through(apps: tuple[App, App], transport: str, incidents: int) -> list[Done]:
    """Open incidents, and let everybody do everything to all of them at once."""
    first = apps[0]
    names = [await first.fire(alert(f"A{at}"), group=f"g{at}") for at in range(incidents)]
    await until(lambda: len(first.slack.top_level(CHANNEL)) == incidents)
    ways = itertools.cycle([Transport(app, transport) for app in apps])
    found = []
    for action in CLICKS:
        messages = {name: await _shown(first, name, action) for name in names}
        sent = [
            (next(ways), await _prepare(first, next(ways), messages[name], action, user))
            for name in names
            for user in USERS
        ]
        took = await asyncio.gather(*[_timed(way, what) for way, what in sent])
        wrong = [name for name in names if not await _right(first, name, action)]
        found.append(Done(action, len(took), max(took), len(wrong)))
    return found


async def _shown(app: App, name: str, action: str) -> Message:
    """Wait until the message has what is pressed next."""

    def ready() -> Message | None:
        for message in app.slack.top_level(CHANNEL):
            if name in str(message.blocks):
                buttons = message.buttons()
                return message if action != "acknowledge" or action in buttons else None
        return None

    found: Message = await until(ready)
    return found


async def _prepare(app: App, way: Transport, message: Message, action: str, user: str) -> Sent:
    """Return what the user's client sends last; windows are opened and filled before that."""
    client = app.slack.client(user)
    if action in ("acknowledge", "resolve", "escalate"):
        return client.press(message, action)
    if action == "snooze_hour":
        return client.press(message, "menu", action)
    if action == "note":
        await way.send(client.press(message, "menu", "note"))
        return client.submit(text=f"seen by {user}")
    await way.send(client.press(message, "menu", "more"))
    pressed = client.press_in(client.window, action)
    if action == "unacknowledge":
        return pressed
    await way.send(pressed)
    return client.submit(priority="P2", reason="all of us think so")


async def _timed(way: Transport, sent: Sent) -> float:
    started = time.monotonic()
    await way.send(sent)
    return time.monotonic() - started


async def _right(app: App, name: str, action: str) -> bool:
    timeline = (await app.incident(name))["timeline"]
    number = sum(entry["kind"] == ENTRY[action] for entry in timeline)
    return bool(number == (1 if action in ONCE else len(USERS)))
