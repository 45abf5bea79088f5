"""Work in Slack, by either transport."""

from typing import Any

from tests.support.app import App
from tests.support.fakes.slack import Message
from tests.support.slack_transport import Transport
from tests.support.waiting import until

CHANNEL = "C0ALERTS"


class Work:
    """A service, one way to it, and the message of its one incident."""

    def __init__(self, app: App, transport: str) -> None:
        self.app = app
        self.way = Transport(app, transport)
        self.incident = ""
        self.message: Message

    async def fire(self, *alerts: Any, **more: Any) -> None:
        self.incident = await self.app.fire(*alerts, **more)
        shown = self.app.slack.top_level
        await until(lambda: any(self.incident in str(m.blocks) for m in shown(CHANNEL)))
        self.message = next(m for m in shown(CHANNEL) if self.incident in str(m.blocks))

    async def press(self, action: str, option: str = "", user: str = "U1") -> Any:
        return await self.way.send(self.app.slack.client(user).press(self.message, action, option))

    async def more(self, action: str, user: str = "U1") -> Any:
        """Open the window that lists the rest, and press one of its buttons."""
        await self.press("menu", "more", user)
        client = self.app.slack.client(user)
        return await self.way.send(client.press_in(client.window, action))

    async def submit(self, user: str = "U1", **values: Any) -> Any:
        return await self.way.send(self.app.slack.client(user).submit(**values))

    async def command(self, text: str, user: str = "U1") -> str:
        answer = await self.way.send(self.app.slack.client(user).command(text))
        assert answer["response_type"] == "ephemeral"
        return f"{answer['text']} {answer.get('blocks', '')}"

    async def now(self) -> Any:
        return await self.app.incident(self.incident)

    def window(self, user: str = "U1") -> Any:
        return self.app.slack.client(user).window

    async def whispered(self, count: int = 1) -> str:
        await until(lambda: len(self.app.slack.responses) >= count)
        return str(self.app.slack.responses[-1]["body"]["text"])
