"""The two ways from Slack to the service, with the same face: HTTP and Socket Mode."""

import json
from typing import Any

from tests.support.app import App
from tests.support.fakes.slack_messages import Sent
from tests.support.waiting import until

PATHS = {
    "interactive": "/v1/slack/actions",
    "slash_commands": "/v1/slack/commands",
    "events_api": "/v1/slack/events",
}
TRANSPORTS = ("http", "socket")


class Transport:
    """Sends what clients do to one service, and does to windows what it answers."""

    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self._name = name

    async def send(self, sent: Sent) -> Any:
        """Return the answer's body, {} for an empty one."""
        kind, payload = sent
        answer = await self._deliver(sent)
        if payload.get("type") == "view_submission":
            self._app.slack.views.apply_answer(payload["view"]["id"], answer)
        elif kind != "slash_commands":
            assert answer == {}, answer
        return answer

    async def _deliver(self, sent: Sent) -> Any:
        app = self._app
        if self._name == "socket":
            await until(lambda: app.slack.socket.connections)
            return await app.slack.socket.send(sent)
        body, headers = app.slack.signed(sent, int(app.clock.now() / 1000))
        url = app.url + PATHS[sent[0]]
        async with app.session.post(url, data=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return json.loads(text) if text else {}


def settings_for(name: str) -> dict[str, Any]:
    """Return what the service needs for a transport."""
    socket = {"slack.app_token": "xapp-test", "slack.signing_secret": None}
    return socket if name == "socket" else {}
